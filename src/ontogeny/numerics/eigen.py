"""Eigenvalues of many small symmetric matrices, the matrices shared out among the cores.

On a CPU, torch takes a batch one matrix at a time and lets the BLAS share each matrix out, which for some 100 rows costs more than it gains, and
on a busy machine many times more. Here every core gets its own part of the batch.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import torch
from torch import Tensor


def eigvalsh(matrices: Tensor) -> Tensor:
    """``torch.linalg.eigvalsh`` of (matrix, n, n): (matrix, n), ascending."""
    return torch.cat(_shared_out(torch.linalg.eigvalsh, matrices))


def eigh(matrices: Tensor) -> tuple[Tensor, Tensor]:
    """``torch.linalg.eigh`` of (matrix, n, n): values (matrix, n), ascending, and vectors (matrix, n, n) in columns."""
    values, vectors = zip(*_shared_out(torch.linalg.eigh, matrices), strict=True)
    return torch.cat(values), torch.cat(vectors)


def _shared_out(function: Callable[[Tensor], Any], matrices: Tensor) -> list[Any]:
    cores = torch.get_num_threads()
    if matrices.device.type != "cpu" or cores == 1:
        return [function(matrices)]
    with ThreadPoolExecutor(cores) as pool:
        return list(pool.map(function, matrices.chunk(cores)))
