"""Large variants share the cores out themselves: one variant, and one piece of its batch, at a time on each core.

A stack of large variants works on more memory than a core's cache holds, and a BLAS that shares out one product adds up in an
order that depends on the number of threads and of variants. Here each core takes a piece of one variant's batch through forward
and backward pass by itself, and gradients are added piece by piece. Sizes of pieces depend on the variant alone, so its
path depends neither on its company nor on the number of cores. Measured on two cores (p = 59, eight seeds): twice as fast as the stack.

For architectures that say ``by_example``: every example passes by itself, and passes may run side by side.
"""

from __future__ import annotations

from itertools import pairwise

import torch

from ontogeny.models.base import Architecture, Weights

LARGE = (
    2**24
)  # parameters × examples of one variant, from which on a piece keeps a core busy for milliseconds
PIECE = 2048  # examples


def apart(architecture: Architecture, weights: Weights, examples: int, device: torch.device) -> bool:
    """Whether variants of this size are taken one by one; ``weights`` are those of one variant."""
    parameters = sum(w.numel() for w in weights.values())
    by_example = getattr(architecture, "by_example", False)
    return by_example and device.type == "cpu" and parameters * examples >= LARGE


def pieces(examples: int, most: int = PIECE) -> list[slice]:
    """Examples in equal parts of at most ``most``."""
    n = -(-examples // most)
    edges = [examples * i // max(n, 1) for i in range(n + 1)]
    return [slice(a, b) for a, b in pairwise(edges)]
