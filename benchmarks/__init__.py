"""Side-by-side ratios against the plain loops that people write today. ``python -m benchmarks`` writes docs/performance.md."""
