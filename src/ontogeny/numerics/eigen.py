"""Eigenvalues and eigenvectors of many small symmetric matrices, the matrices shared out among the cores.

On a CPU, torch takes a batch one matrix at a time and lets the BLAS share each matrix out, which for some 100 rows costs more
than it gains, and on a busy machine many times more. Here every core gets its own part of the batch.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ontogeny.numerics.cores import one_core_each
from ontogeny.numerics.eigen_loops import CHASED, eigenvalues

WORTH_SHARING = 2**15  # entries: below, handing work to another core takes longer than the work


def packed_eigenvalues(lower: Tensor) -> Tensor:
    """Eigenvalues of symmetric matrices given as lower triangles, row by row: (pair, matrix) → (matrix, n), not sorted.

    In float64 on the CPU, several matrices in the lanes of each core's registers; a few units of its last digit of the norm.
    """
    packed = lower.detach().cpu().double().contiguous().numpy()
    pairs, count = packed.shape
    out = np.empty((math.isqrt(2 * pairs), count))
    size = CHASED if pairs * count >= WORTH_SHARING else max(count, 1)
    with one_core_each() as share:
        share(
            lambda first: eigenvalues(packed, first, min(first + size, count), out),
            range(0, count, size),
        )
    return torch.from_numpy(out.T)


def eigh(matrices: Tensor) -> tuple[Tensor, Tensor]:
    """``torch.linalg.eigh`` of (matrix, n, n): values (matrix, n), ascending, and vectors (matrix, n, n) in columns."""
    values, vectors = zip(*shared_out(torch.linalg.eigh, matrices), strict=True)
    return torch.cat(values), torch.cat(vectors)


def shared_out(function: Callable[[Tensor], Any], matrices: Tensor) -> list[Any]:
    """``function`` of parts of (matrix, …), one part a core, in order."""
    if matrices.device.type != "cpu":
        return [function(matrices)]
    parts = matrices.chunk(torch.get_num_threads()) if len(matrices) else (matrices,)
    with one_core_each() as share:
        return share(function, parts)
