"""The study directory: layout, atomic writes, fingerprints, index, queries."""
