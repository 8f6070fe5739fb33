"""How a shard of variants takes its updates: the protocol, and the general engine in PyTorch.

The general engine stacks variants on a leading axis, pads what the architecture says may be padded, and takes one backward pass
for all: losses are summed over variants, so every variant gets the gradient of its own mean loss.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from contextlib import nullcontext
from typing import Protocol, TypeVar

import torch
from torch import Tensor
from torch.nn.functional import pad

from ontogeny.models.base import Forward, Weights
from ontogeny.numerics.cores import Work, one_core_each
from ontogeny.tasks.base import Batch
from ontogeny.training.feed import Feed
from ontogeny.training.member import Member, State
from ontogeny.training.optimisers import Hyper, Moments
from ontogeny.training.pieces import apart, pieces

#: Per-example values of a piece of a batch, and its gradients by weight.
Pass = tuple[dict[str, Tensor], dict[str, Tensor]]
Item = TypeVar("Item")

SEEN = 896  # examples of a piece that is only evaluated: small enough to share out evenly
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
        self._optimisers = [m.optimiser for m in members if m.optimiser is not None]
        self._native = [{n: tuple(w.shape) for n, w in s.weights.items()} for s in states]
        self._steps = [s.step for s in states]
        self._stacked: dict[int, int] = {}  # variant → row of the stack
        self._done: dict[int, State] = {}
        padded = [self._pad(m, s) for m, s in zip(members, states, strict=True)]
        self._restack(padded, list(range(len(members))))
        probe = feed.probe
        self.inputs, self.labels = probe.inputs.to(self.device), probe.labels.to(self.device)
        self.mask = None if probe.mask is None else probe.mask.to(self.device)
        self.apart = apart(self.first.architecture, padded[0].weights, feed.rows_per_batch, self.device)
        #: Of the next update, where an evaluation went through its batch.
        self._ahead: list[Pass] | None = None

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
            for kind in self._optimisers[0].moments
        }
        self.trained = trained

    def _compact(self, active: Sequence[int]) -> None:
        """Keep only the active variants in the stack. Nobody's arithmetic depends on who else is there."""
        if list(self._stacked) == list(active):
            return
        self._ahead = None
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
        first_bad = torch.full((len(active),), -1, device=self.device)
        batches = zip(range(start, stop), self._batches(active, start, stop), strict=True)
        with one_core_each() if self.apart else nullcontext() as share:
            for step, batch in batches:
                loss = (
                    self._side_by_side(active, batch, step, share)
                    if share
                    else self._stack(active, batch, step)
                )
                first_bad = torch.where((first_bad < 0) & ~loss.isfinite(), step, first_bad)
                with torch.no_grad():
                    self.weights = self.first.architecture.project(self.weights)
        for i in active:
            self._steps[i] = stop
        return {i: int(bad) for i, bad in zip(active, first_bad.tolist(), strict=True) if bad >= 0}

    def _stack(self, active: Sequence[int], batch: Batch, step: int) -> Tensor:
        """One update of all variants as one program; their losses before it."""
        values, gradients = self._pass(self.weights, batch, batch.labels.shape[1])
        self._update(active, slice(None), gradients, step)
        return values["loss"].sum(-1) / batch.labels.shape[1]

    def _side_by_side(self, active: Sequence[int], batch: Batch, step: int, share: Work) -> Tensor:
        """One update of all variants, piece by piece (see :mod:`ontogeny.training.pieces`); their losses before it."""
        n, everyone = batch.labels.shape[1], range(len(active))
        passes = self._ahead or self._passes(batch, share)
        self._ahead = None
        each = batched(passes, len(passes) // len(active))

        def update(row: int) -> Tensor:
            values, by_piece = zip(*each[row], strict=True)
            whole = {
                name: functools.reduce(torch.add, (g[name] for g in by_piece))[None] for name in by_piece[0]
            }
            self._update([active[row]], slice(row, row + 1), whole, step)
            return functools.reduce(torch.add, (v["loss"].sum(-1) / n for v in values))

        return torch.stack(share(update, everyone))

    def _passes(self, batch: Batch, share: Work) -> list[Pass]:
        """Forward and backward of every piece of every variant's batch, variant by variant."""
        variants, n = batch.labels.shape

        def one(item: tuple[int, slice]) -> Pass:
            row, part = item
            mine = {name: w[row] for name, w in self.weights.items()}
            return self._pass(mine, Batch(batch.inputs[row, part], batch.labels[row, part], batch.mask), n)

        return share(one, [(row, part) for row in range(variants) for part in pieces(n)])

    def _pass(self, weights: Weights, batch: Batch, examples: int) -> Pass:
        """What the objective says of each example, and the gradient of their loss, summed, as a share of all ``examples``."""
        leaves = {n: w.detach().requires_grad_(n in self.trained) for n, w in weights.items()}
        objective = self.first.objective
        forward = self.first.architecture.forward(leaves, batch.inputs, read=objective.reads)
        values = objective.examples(forward, batch)
        loss = (values["loss"].sum(-1) / examples).sum()
        gradients = torch.autograd.grad(loss, [leaves[n] for n in self.trained], allow_unused=True)
        return {metric: v.detach() for metric, v in values.items()}, {
            n: g for n, g in zip(self.trained, gradients, strict=True) if g is not None
        }

    @torch.no_grad()
    def _update(self, who: Sequence[int], rows: slice, gradients: dict[str, Tensor], step: int) -> None:
        """Clip and apply the gradients of some variants, which stand in these rows of the stack."""
        if self.first.clip is not None:
            first, *rest = (per_variant_sum(g.square()) for g in gradients.values())
            norm = sum(rest, start=first).sqrt()  # one by one, for the same reason
            scale = (self.first.clip / (norm + 1e-6)).clamp(max=1.0)
            gradients = {n: g * scale.reshape(-1, *[1] * (g.ndim - 1)) for n, g in gradients.items()}
        hyper = Hyper([self._optimisers[i] for i in who], self.device)
        for name, g in gradients.items():
            moments = {kind: by[name][rows] for kind, by in self.moments.items()}
            self._optimisers[0].update(self.weights[name][rows], g, moments, step + 1, hyper)

    # -- evaluation ----------------------------------------------------------------------------------------------

    def evaluate(self, active: Sequence[int]) -> list[dict[str, float]]:
        self._compact(active)
        if self.apart:
            with one_core_each() as share:
                each = self._evaluate_side_by_side(active, share)
        else:
            most = max(1, BYTE_BUDGET // (4 * 16 * max(64, self.feed.task.signature.outputs)))
            parts = [(slice(None), part) for part in pieces(len(self.inputs), most)]
            whole = joined([self._examples(item) for item in parts])
            each = [{metric: v[row] for metric, v in whole.items()} for row in range(len(active))]
        return [summarise(each[row], self.feed.splits[i]) for row, i in enumerate(active)]

    def _evaluate_side_by_side(self, active: Sequence[int], share: Work) -> list[dict[str, Tensor]]:
        """Per-example values of each variant. A full batch is gone through as an update does, which then has its gradients."""
        n = len(self.inputs)
        if self.feed.size != "full":
            parts = pieces(n, SEEN)
            done = share(self._examples, [(row, part) for row in range(len(active)) for part in parts])
            return [joined(one) for one in batched(done, len(parts))]
        (batch,) = self._batches(active, step := self._steps[active[0]], step + 1)
        self._ahead = self._ahead or self._passes(batch, share)
        rests = [self._rests[i] for i in active]
        items = [(row, rest[part]) for row, (rest, _) in enumerate(rests) for part in pieces(len(rest), SEEN)]
        done = share(self._examples, items)
        seen = batched([values for values, _ in self._ahead], len(self._ahead) // len(active))
        unseen = batched(done, len(done) // len(active)) if done else [[] for _ in active]
        return [
            {metric: v[back] for metric, v in joined([*a, *b]).items()}
            for a, b, (_, back) in zip(seen, unseen, rests, strict=True)
        ]

    @functools.cached_property
    def _rests(self) -> list[tuple[Tensor, Tensor]]:
        """Of each variant, rows of the probe that it does not train on; and from trained rows before the others to the probe's order."""

        def of(trained: Tensor) -> tuple[Tensor, Tensor]:
            untrained = torch.ones(len(self.inputs), dtype=torch.bool)
            untrained[trained] = False
            others = untrained.nonzero().squeeze(-1)
            return others, torch.cat([trained, others]).argsort()

        return [of(split["train"]) for split in self.feed.splits]

    @torch.no_grad()
    def _examples(self, item: tuple[int | slice, slice | Tensor]) -> dict[str, Tensor]:
        """What the objective says of a part of the probe, for one row of the stack or all."""
        rows, part = item
        batch = Batch(self.inputs[part], self.labels[part], self.mask)
        weights = {n: w[rows] for n, w in self.weights.items()}
        objective = self.first.objective
        forward: Forward = self.first.architecture.forward(weights, batch.inputs, read=objective.reads)
        return objective.examples(forward, batch)


def batched(items: Sequence[Item], size: int) -> list[Sequence[Item]]:
    """Neighbours in groups of ``size``."""
    return [items[i : i + size] for i in range(0, len(items), size)]


def joined(parts: Sequence[dict[str, Tensor]]) -> dict[str, Tensor]:
    """Per-example values of pieces of the probe, one after another, on the CPU."""
    return {metric: torch.cat([p[metric] for p in parts], -1).cpu() for metric in parts[0]}


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
