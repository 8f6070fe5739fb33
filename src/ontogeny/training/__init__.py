"""Populations, optimisers, schedules. Hands snapshots to a sink; knows no disk."""
