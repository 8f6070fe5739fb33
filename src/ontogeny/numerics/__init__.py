"""Batched tensor mathematics. No labels, no disk, no plots."""
