"""Variants share their passes in *stacks* of a fixed number of places, so that nobody's arithmetic depends on who else is there.

A library chooses its algorithm by the shapes it is given, shares work out by the number of threads, and treats the beginning
and the end of a row by where they lie in memory. A stack that grows with its company therefore gives a variant other last bits
in other company, on one processor or another. Here

* a stack always has ``HEIGHT`` places, whoever is there (places left over repeat the last variant), and each stack has one core;
* ``HEIGHT`` rows of anything begin on the boundaries of cache lines if a row is whole cache lines long, so examples are filled up
  to a multiple of ``LINE`` where passes are by example, and what was filled in counts for nothing;
* whether a variant takes the same path in every place is then asked of the machine itself (:meth:`TorchEngine.places_agree`): one
  variant in all places, bits compared. Where it does not, and where a variant is large enough to keep a core busy by itself,
  a stack has one place: memory of its own.

Which of the two it is depends on the variant's shape and the machine. Large batches pass in pieces, whose sizes depend on the
variant alone, and gradients are added piece by piece.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor

from ontogeny.models.base import Architecture, Weights
from ontogeny.objectives.base import Objective
from ontogeny.tasks.base import Batch
from ontogeny.training.member import State
from ontogeny.training.optimisers import Moments

HEIGHT = 32  # places of a stack
LINE = 16  # float32 in a cache line of 64 bytes
#: Parameters × examples of one variant, from which on sharing its passes gains nothing: a core is busy with it, or a GPU.
LARGE = {"cpu": 2**23, "cuda": 2**29}
PIECE = 2048  # examples


@dataclass
class Stack:
    """``who`` is the variant at each place, as a position in the shard; weights and moments are (place, …)."""

    who: list[int]
    weights: Weights
    moments: Moments

    @classmethod
    def of(cls, states: dict[int, State], height: int, trained: Sequence[str], kinds: Sequence[str]) -> Stack:
        """``states`` by variant, in one shape; a moment that a state lacks begins at zero."""
        who = list(states)
        places = [states[i] for i in who] + [states[who[-1]]] * (height - len(who))
        first = places[0]
        return cls(
            who,
            {n: torch.stack([s.weights[n] for s in places]) for n in first.weights},
            {
                kind: {n: torch.stack([_moment(s, kind, n) for s in places]) for n in trained}
                for kind in kinds
            },
        )

    @property
    def height(self) -> int:
        return len(next(iter(self.weights.values())))

    @property
    def lone(self) -> bool:
        return self.height == 1

    @property
    def places(self) -> list[int]:
        """The variant at every place, those left over included."""
        return self.who + self.who[-1:] * (self.height - len(self.who))

    @property
    def models(self) -> Weights:
        """What a forward pass is given: weights (place, …), or of a stack of one place the model itself."""
        return {n: w[0] for n, w in self.weights.items()} if self.lone else self.weights


def _moment(state: State, kind: str, name: str) -> Tensor:
    return state.moments.get(kind, {}).get(name, torch.zeros_like(state.weights[name]))


def by_example(architecture: Architecture, objective: Objective) -> bool:
    """Whether every example passes by itself, so that a batch may be cut into pieces and filled up."""
    return all(getattr(part, "by_example", False) for part in (architecture, objective))


def large(weights: Weights, examples: int, device: str) -> bool:
    """Whether one variant keeps a core busy by itself, or a GPU."""
    return sum(w.numel() for w in weights.values()) * examples >= LARGE[device]


def pieces(examples: int, most: int = PIECE) -> list[slice]:
    """Examples in equal parts of at most ``most``."""
    n = -(-examples // most)
    edges = [examples * i // max(n, 1) for i in range(n + 1)]
    return [slice(a, b) for a, b in pairwise(edges)]


def filled(batch: Batch, axis: int) -> Batch:
    """The batch with its last example repeated up to a multiple of ``LINE`` along its example axis."""
    n = batch.labels.shape[axis]
    if n % LINE == 0:
        return batch
    rows = torch.arange(-(-n // LINE) * LINE, device=batch.labels.device).clamp(max=n - 1)
    return Batch(batch.inputs.index_select(axis, rows), batch.labels.index_select(axis, rows), batch.mask)
