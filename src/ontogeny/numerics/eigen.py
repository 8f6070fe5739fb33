"""Eigenvalues of many small symmetric matrices, the matrices shared out among the cores.

On a CPU, torch takes a batch one matrix at a time and lets the BLAS share each matrix out, which for some 100 rows costs more than it gains, and
on a busy machine many times more. Here every core gets its own part of the batch.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from ontogeny.numerics.cores import one_core_each


def eigvalsh(matrices: Tensor) -> Tensor:
    """``torch.linalg.eigvalsh`` of (matrix, n, n): (matrix, n), ascending."""
    return torch.cat(shared_out(torch.linalg.eigvalsh, matrices))


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
