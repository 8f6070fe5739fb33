"""Generic claims over results; thresholds and published values live in the study's TOML."""
