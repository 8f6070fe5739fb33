"""Several pieces of work side by side, each on one core.

A BLAS that shares out one small or middling product or decomposition gains little, and on a busy machine waits for its own
threads many times longer than it works. It also adds up in an order that depends on the number of threads.

Whether numbers below the normal range are kept or become 0 is a setting of each thread, and libraries that were compiled with fast-math
change it where they are loaded; second moments of Adam are that small. Here they are kept.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import contextmanager
from functools import cache
from typing import Any, Protocol

import torch


class Work(Protocol):
    def __call__(self, function: Callable[..., Any], items: Iterable[Any]) -> list[Any]: ...


@contextmanager
def one_core_each() -> Iterator[Work]:
    """``share(function, items)``: the results in order, computed side by side, each on one core. The caller works too."""
    cores, flushed = torch.get_num_threads(), _flushes_denormals()
    torch.set_num_threads(1)  # also the BLAS of the workers
    torch.set_flush_denormal(False)

    def share(function: Callable[..., Any], items: Iterable[Any]) -> list[Any]:
        waiting = list(items)
        results: list[Any] = [None] * len(waiting)
        places = iter(range(len(waiting)))  # whoever is free takes the next

        def work() -> None:
            for place in places:
                results[place] = function(waiting[place])

        helpers = [_workers(cores).submit(work) for _ in range(min(cores, len(waiting)) - 1)]
        try:
            work()
        finally:
            wait(helpers)
        for helper in helpers:
            helper.result()
        return results

    try:
        yield share
    finally:
        torch.set_num_threads(cores)
        torch.set_flush_denormal(flushed)


def _flushes_denormals() -> bool:
    """Whether this thread takes numbers below the normal range for 0."""
    return (torch.full((1,), 1e-40) * torch.ones(1)).item() == 0


@cache
def _workers(cores: int) -> ThreadPoolExecutor:
    """Kept from call to call: new threads cost a seventh of a training step of a small transformer."""
    return ThreadPoolExecutor(cores, initializer=_alone)


def _alone() -> None:
    torch.set_num_threads(1)
    torch.set_flush_denormal(False)
