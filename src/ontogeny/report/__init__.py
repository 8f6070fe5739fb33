"""Documents of a study or a run."""
