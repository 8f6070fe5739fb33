"""How a shard of variants takes its updates: the protocol, and the general engine in PyTorch.

The general engine stacks variants on a leading axis, pads what the architecture says may be padded, and takes one backward pass
for all: losses are summed over variants, so every variant gets the gradient of its own mean loss.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import torch
from torch import Tensor
from torch.nn.functional import pad

from ontogeny.models.base import Forward, Weights
from ontogeny.tasks.base import Batch
from ontogeny.training.feed import Feed
from ontogeny.training.member import Member, State
from ontogeny.training.optimisers import Hyper, Moments

BYTE_BUDGET = (
    16 * 2**20
)  # one variant's activations in an evaluation, roughly; never depends on the number of variants


class Engine(Protocol):
    """``active`` are positions in the shard. ``states`` is where every variant stands after what was asked."""

    name: str

    def advance(self, active: Sequence[int], start: int, stop: int) -> dict[int, int]:
        """Updates ``start … stop − 1`` of the active variants; {variant: step} of those whose loss went non-finite."""
        ...

    def evaluate(self, active: Sequence[int]) -> list[dict[str, float]]:
        """``{part}_{metric}`` for each active variant, on every part of the split and on all."""
        ...

    def state(self, i: int) -> State: ...


class TorchEngine:
    """Any architecture, objective and task, on any device."""

    name = "torch"

    def __init__(
        self, members: Sequence[Member], states: Sequence[State], feed: Feed, device: str = "cpu"
    ) -> None:
        self.members, self.feed, self.device = members, feed, torch.device(device)
        self.first = members[0]
        self._native = [{n: tuple(w.shape) for n, w in s.weights.items()} for s in states]
        self._steps = [s.step for s in states]
        self._stacked: dict[int, int] = {}  # variant → row of the stack
        self._done: dict[int, State] = {}
        padded = [self._pad(m, s) for m, s in zip(members, states, strict=True)]
        self._restack(padded, list(range(len(members))))
        probe = feed.probe
        self.inputs, self.labels = probe.inputs.to(self.device), probe.labels.to(self.device)
        self.mask = None if probe.mask is None else probe.mask.to(self.device)

    # -- stacking ------------------------------------------------------------------------------------------------

    def _pad(self, member: Member, state: State) -> State:
        """Zeros up to the bucket's size, on the axes that the architecture says may be padded."""
        architecture = member.architecture

        def grow(name: str, w: Tensor) -> Tensor:
            widths: list[int] = []
            for axis, size in zip(reversed(architecture.axes[name]), reversed(w.shape), strict=True):
                multiple = architecture.pads.get(axis, 1)
                widths += [0, -(-size // multiple) * multiple - size]
            return pad(w, widths) if any(widths) else w

        moments = {k: {n: grow(n, x) for n, x in by.items()} for k, by in state.moments.items()}
        return State(state.step, {n: grow(n, w) for n, w in state.weights.items()}, moments, state.outcome)

    def _restack(self, states: Sequence[State], who: Sequence[int]) -> None:
        names = list(states[0].weights)
        self._stacked = {i: row for row, i in enumerate(who)}
        self.weights: Weights = {
            n: torch.stack([s.weights[n].to(self.device) for s in states]).contiguous() for n in names
        }
        trained = [
            n
            for n in names
            if n not in self.first.architecture.frozen and self.weights[n].is_floating_point()
        ]
        self.moments: Moments = {
            kind: {
                n: torch.stack(
                    [
                        s.moments.get(kind, {}).get(n, torch.zeros_like(s.weights[n])).to(self.device)
                        for s in states
                    ]
                )
                for n in trained
            }
            for kind in self.first.optimiser.moments
        }
        self.trained = trained

    def _compact(self, active: Sequence[int]) -> None:
        """Keep only the active variants in the stack. Nobody's arithmetic depends on who else is there."""
        if list(self._stacked) == list(active):
            return
        for i in self._stacked.keys() - set(active):
            self._done[i] = self.state(i)
        rows = torch.tensor([self._stacked[i] for i in active], device=self.device)
        self.weights = {n: w.index_select(0, rows) for n, w in self.weights.items()}
        self.moments = {
            k: {n: x.index_select(0, rows) for n, x in by.items()} for k, by in self.moments.items()
        }
        self._stacked = {i: row for row, i in enumerate(active)}

    def state(self, i: int) -> State:
        """Where variant ``i`` stands, in native shapes, on the CPU."""
        if i in self._done:
            return self._done[i]
        row = self._stacked[i]

        def cut(name: str, w: Tensor) -> Tensor:
            return w[row][tuple(slice(size) for size in self._native[i][name])].detach().cpu().clone()

        weights = {n: cut(n, w) for n, w in self.weights.items()}
        moments = {k: {n: cut(n, x) for n, x in by.items()} for k, by in self.moments.items()}
        return State(self._steps[i], weights, moments)

    # -- updates -------------------------------------------------------------------------------------------------

    def _batches(self, active: Sequence[int], start: int, stop: int) -> list[Batch]:
        if self.feed.task.finite:
            rows = torch.stack([self.feed.rows(i, start, stop) for i in active], 1).to(self.device)
            return [Batch(self.inputs[r], self.labels[r], self.mask) for r in rows]
        batches = []
        for step in range(start, stop):
            seen: dict[int, Batch] = {}
            for i in active:
                seed = self.members[i].seeds["order"]
                seen.setdefault(seed, self.feed.fresh(i, step))
            each = [seen[self.members[i].seeds["order"]] for i in active]
            inputs, labels = torch.stack([b.inputs for b in each]), torch.stack([b.labels for b in each])
            batches.append(Batch(inputs.to(self.device), labels.to(self.device), self.mask))
        return batches

    def advance(self, active: Sequence[int], start: int, stop: int) -> dict[int, int]:
        self._compact(active)
        hyper = Hyper([self.members[i].optimiser for i in active], self.device)
        first_bad = torch.full((len(active),), -1, device=self.device)
        for step, batch in zip(range(start, stop), self._batches(active, start, stop), strict=True):
            loss, gradients = self._gradients(batch)
            first_bad = torch.where((first_bad < 0) & ~loss.isfinite(), step, first_bad)
            with torch.no_grad():
                for name, g in gradients.items():
                    moments = {kind: by[name] for kind, by in self.moments.items()}
                    self.first.optimiser.update(self.weights[name], g, moments, step + 1, hyper)
                self.weights = self.first.architecture.project(self.weights)
        for i in active:
            self._steps[i] = stop
        return {i: int(bad) for i, bad in zip(active, first_bad.tolist(), strict=True) if bad >= 0}

    def _gradients(self, batch: Batch) -> tuple[Tensor, dict[str, Tensor]]:
        leaves = {n: w.detach().requires_grad_(n in self.trained) for n, w in self.weights.items()}
        objective = self.first.objective
        forward = self.first.architecture.forward(leaves, batch.inputs, read=objective.reads)
        loss = objective.examples(forward, batch)["loss"].mean(-1)
        values = torch.autograd.grad(loss.sum(), [leaves[n] for n in self.trained], allow_unused=True)
        gradients = {n: g for n, g in zip(self.trained, values, strict=True) if g is not None}
        if self.first.clip is not None:
            first, *rest = (per_variant_sum(g.square()) for g in gradients.values())
            norm = sum(rest, start=first).sqrt()  # one by one, for the same reason
            scale = (self.first.clip / (norm + 1e-6)).clamp(max=1.0)
            gradients = {n: g * scale.reshape(-1, *[1] * (g.ndim - 1)) for n, g in gradients.items()}
        return loss.detach(), gradients

    # -- evaluation ----------------------------------------------------------------------------------------------

    @torch.no_grad()
    def evaluate(self, active: Sequence[int]) -> list[dict[str, float]]:
        self._compact(active)
        first = self.first
        chunks: list[dict[str, Tensor]] = []
        size = max(1, BYTE_BUDGET // (4 * 16 * max(64, self.feed.task.signature.outputs)))
        for begin in range(0, len(self.inputs), size):
            batch = Batch(self.inputs[begin : begin + size], self.labels[begin : begin + size], self.mask)
            forward: Forward = first.architecture.forward(
                self.weights, batch.inputs, read=first.objective.reads
            )
            chunks.append(first.objective.examples(forward, batch))
        values = {metric: torch.cat([c[metric] for c in chunks], -1).cpu() for metric in chunks[0]}
        return [
            summarise({k: v[row] for k, v in values.items()}, self.feed.splits[i])
            for row, i in enumerate(active)
        ]


def per_variant_sum(x: Tensor) -> Tensor:
    """Sum over all but the first axis, one axis at a time: a full reduction chooses its order by the number of variants."""
    while x.ndim > 1:
        x = x.sum(-1)
    return x


def summarise(values: dict[str, Tensor], split: dict[str, Tensor]) -> dict[str, float]:
    """Means of per-example values over every part of the split, and over all examples."""
    row = {
        f"{part}_{metric}": float(v[rows].double().mean())
        for part, rows in split.items()
        for metric, v in values.items()
    }
    return row | {f"all_{metric}": float(v.double().mean()) for metric, v in values.items()}
