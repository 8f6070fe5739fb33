"""What there is to learn: batches by (key, step) and a fixed probe."""

from ontogeny.tasks.base import Batch, Probe, Signature, Task

__all__ = ["Batch", "Probe", "Signature", "Task"]
