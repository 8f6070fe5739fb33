"""Pure edits of taps; interventions compose."""
