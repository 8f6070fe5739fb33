"""Several pieces of work side by side, each on one core.

A BLAS that shares out one small or middling product or decomposition gains little, and on a busy machine waits for its own threads many
times longer than it works. It also adds up in an order that depends on the number of threads.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import cache
from typing import Any, Protocol

import torch


class Work(Protocol):
    def __call__(self, function: Callable[..., Any], items: Iterable[Any]) -> list[Any]: ...


@contextmanager
def one_core_each() -> Iterator[Work]:
    """``share(function, items)``: the results in order, computed side by side, each on one core. Work of a worker stays on its core."""
    if getattr(_here, "works", False):
        yield lambda function, items: [function(item) for item in items]
        return
    cores = torch.get_num_threads()
    torch.set_num_threads(1)  # also the BLAS of the workers
    try:
        yield lambda function, items: list(_workers(cores).map(function, items))
    finally:
        torch.set_num_threads(cores)


@cache
def _workers(cores: int) -> ThreadPoolExecutor:
    """Kept from call to call: new threads cost a seventh of a training step of a small transformer."""
    return ThreadPoolExecutor(cores, initializer=_begin)


_here = threading.local()


def _begin() -> None:
    torch.set_num_threads(1)
    _here.works = True
