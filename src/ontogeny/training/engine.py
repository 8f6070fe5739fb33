"""How a shard of variants takes its updates: the protocol, and the general engine in PyTorch.

The general engine keeps variants in stacks of a fixed number of places (:mod:`ontogeny.training.stacks`), pads what the architecture
says may be padded, and takes one backward pass for a stack: losses are summed over places, so every variant gets the gradient of
its own mean loss. Each core takes a stack, or a piece of its batch, at a time.
"""

from __future__ import annotations

import functools
import itertools
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import NamedTuple, Protocol, TypeVar

import torch
from torch import Tensor
from torch.nn.functional import pad

from ontogeny.models.base import Forward, Seen, Tended, Weights
from ontogeny.numerics.cores import Work, one_core_each
from ontogeny.numerics.random import Key
from ontogeny.numerics.repeatable import repeatable
from ontogeny.objectives.base import Objective, Scheduled
from ontogeny.study import Stop
from ontogeny.tasks.base import Batch
from ontogeny.training.feed import Feed
from ontogeny.training.member import Member, State
from ontogeny.training.optimisers import Hyper, Optimiser
from ontogeny.training.stacks import HEIGHT, Stack, by_example, filled, large, pieces


class Pass(NamedTuple):
    """What one piece of a batch came to."""

    values: dict[str, Tensor]  # by metric: (place, example)
    gradients: dict[str, Tensor]  # by weight: (place, …)
    active: Tensor | None = None  # (place, unit) of the tap that a tended architecture watches


Item = TypeVar("Item")

NORM = "weight_norm"  # logged beside what the objective says of the examples: ‖θ‖ of all weights that are trained
SEEN = 896  # examples of a piece that is only evaluated: small enough to share out evenly
BYTE_BUDGET = 16 * 2**20  # one variant's activations in an evaluation, roughly
STACKS = f"stacks of {HEIGHT}"
ONE_AT_A_TIME = "one variant at a time"
DISAGREE = f"{ONE_AT_A_TIME}, as the places of a stack differ in their last bits here"


class Engine(Protocol):
    """``active`` are positions in the shard. ``states`` is where every variant stands after what was asked."""

    name: str
    arithmetic: str  # how variants share their passes, in a few words

    def advance(self, active: Sequence[int], start: int, stop: int) -> dict[int, int]:
        """Updates ``start … stop − 1`` of the active variants; {variant: step} of those whose loss went non-finite."""
        ...

    def evaluate(self, active: Sequence[int], rule: Stop | None = None) -> dict[int, dict[str, float]]:
        """``{part}_{metric}`` of each active variant, on every part of the split and on all, and ``weight_norm``.

        With a rule, variants may be missing of which it is certain without a whole evaluation that it does not hold.
        """
        ...

    def state(self, i: int) -> State: ...


#: Whether the places of a stack agree on this machine, by what shapes the program of a shard.
_AGREED: dict[tuple[str, int, str], bool] = {}


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
        self._done: dict[int, State] = {}
        probe = feed.probe
        self.inputs, self.labels = probe.inputs.to(self.device), probe.labels.to(self.device)
        self.mask = None if probe.mask is None else probe.mask.to(self.device)
        self.by_example = by_example(self.first.architecture, self.first.objective)
        self.tended = self.first.architecture if isinstance(self.first.architecture, Tended) else None
        padded = {i: self._pad(m, s) for i, (m, s) in enumerate(zip(members, states, strict=True))}
        # in one order, also of weights that were read from a file: norms are sums over them
        self.trained = sorted(
            n
            for n, w in padded[0].weights.items()
            if n not in self.first.architecture.frozen and w.is_floating_point()
        )
        busy = large(padded[0].weights, feed.rows_per_batch, self.device.type)
        self.arithmetic = ONE_AT_A_TIME if busy else STACKS if self.places_agree() else DISAGREE
        self.stacks = self._stacked(padded, HEIGHT if self.arithmetic == STACKS else 1)
        #: Of the next update, where an evaluation went through its batch.
        self._ahead: list[list[Pass]] | None = None

    @contextmanager
    def _at_work(self) -> Iterator[Work]:
        """One core for each stack, and on a GPU the same bits every time."""
        with repeatable(self.device), one_core_each() as share:
            yield share

    # -- who stands where ----------------------------------------------------------------------------------------

    def _pad(self, member: Member, state: State) -> State:
        """Zeros up to the bucket's size, on the axes that the architecture says may be padded; on the device."""
        architecture = member.architecture

        def grow(name: str, w: Tensor) -> Tensor:
            widths: list[int] = []
            for axis, size in zip(reversed(architecture.axes[name]), reversed(w.shape), strict=True):
                multiple = architecture.pads.get(axis, 1)
                widths += [0, -(-size // multiple) * multiple - size]
            return (pad(w, widths) if any(widths) else w).to(self.device)

        moments = {k: {n: grow(n, x) for n, x in by.items()} for k, by in state.moments.items()}
        return State(state.step, {n: grow(n, w) for n, w in state.weights.items()}, moments, state.outcome)

    def _stacked(self, states: Mapping[int, State], height: int) -> list[Stack]:
        kinds = self._optimisers[0].moments
        return [
            Stack.of({i: states[i] for i in who}, height, self.trained, kinds)
            for who in batched(list(states), height)
        ]

    def _arrange(self, active: Sequence[int]) -> None:
        """Only the active variants stand in stacks. Nobody's arithmetic depends on who else is there, or on the place."""
        there = [i for stack in self.stacks for i in stack.who]
        if there == list(active):
            return
        for i in set(there) - set(active):
            self._done[i] = self.state(i)
        self._ahead = None
        self.__dict__.pop("_full", None)
        states = {i: self._pad(self.members[i], self.state(i)) for i in active}
        self.stacks = self._stacked(states, self.stacks[0].height)

    def state(self, i: int) -> State:
        """Where variant ``i`` stands, in native shapes, on the CPU."""
        if i in self._done:
            return self._done[i]
        stack = next(stack for stack in self.stacks if i in stack.who)
        place = stack.who.index(i)

        def cut(name: str, w: Tensor) -> Tensor:
            return w[place][tuple(slice(size) for size in self._native[i][name])].detach().cpu().clone()

        weights = {n: cut(n, w) for n, w in stack.weights.items()}
        moments = {k: {n: cut(n, x) for n, x in by.items()} for k, by in stack.moments.items()}
        return State(self._steps[i], weights, moments)

    def places_agree(self) -> bool:
        """Whether a variant takes the same path in every place of a stack on this machine.

        One fresh variant stands in all places, is evaluated and takes two updates: values, gradients and weights must hold the same bits
        in all places, and so with another variant. The shapes, strides and addresses of a stack are the same whoever is in it, so what
        its neighbours hold cannot matter.
        """
        key = (self.first.shard, self.feed.rows_per_batch, str(self.device))
        if key not in _AGREED:
            _AGREED[key] = all(
                same_bits(x) for trial in range(3) for x in self._everywhere(Key(trial, "places"))
            )
            if not _AGREED[key]:
                warnings.warn(
                    f"On this machine the places of a stack of variants like {self.first.name} differ in their last bits, "
                    "so they train one at a time: slower, and the same in any company.",
                    stacklevel=3,
                )
        return _AGREED[key]

    def _everywhere(self, key: Key) -> Iterator[Tensor]:
        """What one fresh variant comes to in every place of a stack: (place, …)."""
        fresh = self._pad(self.first, State(0, self.first.architecture.init(self.feed.task.signature, key)))
        (stack,) = self._stacked(dict.fromkeys(range(HEIGHT), fresh), HEIGHT)
        n = self.feed.rows_per_batch
        if self.feed.task.finite:
            rows = key.permutation(len(self.inputs))[:n].to(self.device)
            inputs, labels = self.inputs[rows], self.labels[rows]
        else:
            drawn = self.feed.task.draw(key, 0, n)
            inputs, labels = drawn.inputs.to(self.device), drawn.labels.to(self.device)
        inputs, labels = (x.expand(HEIGHT, *x.shape).contiguous() for x in (inputs, labels))
        batch = Batch(inputs, labels, self.mask)
        optimisers = [type(self._optimisers[0])()] * HEIGHT
        everything = torch.arange(len(self.inputs), device=self.device)
        objective, keys = side_by_side([self.first.objective] * HEIGHT, None), [key] * HEIGHT
        with self._at_work():
            for part in self._parts(len(self.inputs)):
                yield from self._seen((stack, everything[part]), objective).values()
            for step in range(2):
                passes = [self._pass(stack, batch, part, objective) for part in self._pieces(n)]
                for one in passes:
                    yield from one.values.values()
                    yield from one.gradients.values()
                self._update(stack, batch, passes, step, optimisers, keys)
        yield from stack.weights.values()

    # -- updates -------------------------------------------------------------------------------------------------

    def advance(self, active: Sequence[int], start: int, stop: int) -> dict[int, int]:
        self._arrange(active)
        losses = []
        optimisers = [[self._optimisers[i] for i in stack.places] for stack in self.stacks]
        keys = [[self.members[i].key("order") for i in stack.places] for stack in self.stacks]
        with self._at_work() as share:
            for step, batches in zip(range(start, stop), self._batches(start, stop), strict=True):
                passes = self._ahead or self._passes(batches, step, share)
                self._ahead = None

                def update(
                    k: int,
                    step: int = step,
                    passes: list[list[Pass]] = passes,
                    batches: Sequence[Batch] = batches,
                ) -> Tensor:
                    return self._update(self.stacks[k], batches[k], passes[k], step, optimisers[k], keys[k])

                each = share(update, range(len(self.stacks)))
                losses.append(torch.cat([x[: len(s.who)] for s, x in zip(self.stacks, each, strict=True)]))
        for i in active:
            self._steps[i] = stop
        bad = ~torch.stack(losses).isfinite().cpu()
        return {
            i: start + int(bad[:, place].nonzero()[0])
            for place, i in enumerate(active)
            if bool(bad[:, place].any())
        }

    def _batches(self, start: int, stop: int) -> Iterator[list[Batch]]:
        """Step by step, those of every stack, (place, example, …): one step's are in memory at a time."""
        if self.feed.size == "full":
            yield from itertools.repeat(self._full, stop - start)
        elif self.feed.task.finite:
            rows = {
                i: self.feed.rows(i, start, stop).to(self.device) for stack in self.stacks for i in stack.who
            }
            tables = [torch.stack([rows[i] for i in stack.places], 1) for stack in self.stacks]
            for k in range(stop - start):
                yield [Batch(self.inputs[table[k]], self.labels[table[k]], self.mask) for table in tables]
        else:
            yield from map(self._drawn, range(start, stop))

    @functools.cached_property
    def _full(self) -> list[Batch]:
        """The batch of every step, by stack, where it is all that a variant trains on."""
        tables = [
            torch.stack([self.feed.rows(i, 0, 1)[0] for i in stack.places]).to(self.device)
            for stack in self.stacks
        ]
        return [Batch(self.inputs[rows], self.labels[rows], self.mask) for rows in tables]

    def _drawn(self, step: int) -> list[Batch]:
        """Of a stream: variants of one order see the same batch, which is drawn once."""
        orders = {self.members[i].seeds["order"]: i for stack in self.stacks for i in stack.who}
        seen = {order: self.feed.fresh(i, step) for order, i in orders.items()}
        found = []
        for stack in self.stacks:
            each = [seen[self.members[i].seeds["order"]] for i in stack.places]
            inputs, labels = torch.stack([b.inputs for b in each]), torch.stack([b.labels for b in each])
            found.append(Batch(inputs.to(self.device), labels.to(self.device), self.mask))
        return found

    def _pieces(self, n: int) -> list[slice]:
        return pieces(n) if self.by_example else [slice(0, n)]

    def _objective(self, stack: Stack, update: int | None) -> Objective:
        """That of a stack's variants at this update, counted from 1; ``None``: as it is evaluated."""
        return side_by_side([self.members[i].objective for i in stack.places], update)

    def _passes(self, batches: Sequence[Batch], step: int, share: Work) -> list[list[Pass]]:
        """Forward and backward of every piece of every stack's batch."""
        parts = self._pieces(self.feed.rows_per_batch)
        items = [(k, part) for k in range(len(self.stacks)) for part in parts]
        objectives = [self._objective(stack, step + 1) for stack in self.stacks]

        def through(item: tuple[int, slice]) -> Pass:
            k, part = item
            return self._pass(self.stacks[k], batches[k], part, objectives[k])

        done = share(through, items)
        return [list(passes) for passes in batched(done, len(parts))]

    def _pass(self, stack: Stack, batch: Batch, part: slice, objective: Objective) -> Pass:
        """What the objective says of each example of a piece, and the gradient of their loss, as a share of the whole batch."""
        n, mine = batch.labels.shape[1], 0 if stack.lone else slice(None)
        piece = Batch(batch.inputs[mine, part], batch.labels[mine, part], batch.mask)
        leaves = {n: w.detach().requires_grad_(n in self.trained) for n, w in stack.models.items()}
        values, forward = self._examples(stack, leaves, piece, objective, axis=0 if stack.lone else 1)
        loss = (values["loss"].sum(-1) / n).sum()
        gradients = torch.autograd.grad(loss, [leaves[n] for n in self.trained], allow_unused=True)
        return Pass(
            {metric: v.detach() for metric, v in values.items()},
            {
                n: g.view_as(stack.weights[n])
                for n, g in zip(self.trained, gradients, strict=True)
                if g is not None
            },
            (forward.taps[self.tended.watches] != 0).any(-2).view(stack.height, -1) if self.tended else None,
        )

    def _examples(
        self, stack: Stack, models: Weights, batch: Batch, objective: Objective, axis: int
    ) -> tuple[dict[str, Tensor], Forward]:
        """What the objective says of each example, which is this axis of the batch: (place, example); and the forward pass."""
        count = batch.labels.shape[axis]
        if self.by_example and not stack.lone:
            batch = filled(batch, axis)
        read = {*objective.reads, *([self.tended.watches] if self.tended else [])}
        forward: Forward = self.first.architecture.forward(models, batch.inputs, read=read)
        values = objective.examples(forward, batch)
        return {metric: v[..., :count].reshape(-1, count) for metric, v in values.items()}, forward

    @torch.no_grad()
    def _update(
        self,
        stack: Stack,
        batch: Batch,
        passes: Sequence[Pass],
        step: int,
        optimisers: list[Optimiser],
        keys: Sequence[Key],
    ) -> Tensor:
        """Add the pieces up, clip, and apply their gradients; the losses before the update, (place,)."""
        by_piece = [one.gradients for one in passes]
        gradients = {n: functools.reduce(torch.add, (g[n] for g in by_piece)) for n in by_piece[0]}
        if self.tended:
            gradients = self.tended.projected_gradients(stack.weights, gradients)
        if self.first.clip is not None:
            first, *rest = (per_variant_sum(g.square()) for g in gradients.values())
            norm = sum(
                rest, start=first
            ).sqrt()  # one by one: a full reduction chooses its order by the places
            scale = (self.first.clip / (norm + 1e-6)).clamp(max=1.0)
            gradients = {n: g * scale.reshape(-1, *[1] * (g.ndim - 1)) for n, g in gradients.items()}
        hyper = Hyper(optimisers, self.device)
        for name, g in gradients.items():
            moments = {kind: by[name] for kind, by in stack.moments.items()}
            self._optimisers[0].update(stack.weights[name], g, moments, step + 1, hyper)
        stack.weights = self.first.architecture.project(stack.weights)
        if self.tended and passes[0].active is not None:
            seen = Seen(step + 1, batch.inputs, passes[0].values["loss"], passes[0].active, keys)
            stack.weights = self.tended.tended(stack.weights, stack.moments, seen)
        n = self.feed.rows_per_batch
        losses = (one.values["loss"].sum(-1) / n for one in passes)
        return functools.reduce(torch.add, losses).reshape(-1)

    # -- evaluation ----------------------------------------------------------------------------------------------

    def evaluate(self, active: Sequence[int], rule: Stop | None = None) -> dict[int, dict[str, float]]:
        self._arrange(active)
        with self._at_work() as share:
            whole = (
                self._through_training(share) if self.feed.size == "full" else self._through_the_probe(share)
            )
        return {
            i: {
                **summarise({metric: v[place] for metric, v in values.items()}, self.feed.splits[i]),
                NORM: norm,
            }
            for stack, values in zip(self.stacks, whole, strict=True)
            for place, (i, norm) in enumerate(zip(stack.who, self._norms(stack), strict=False))
        }

    @torch.no_grad()
    def _norms(self, stack: Stack) -> list[float]:
        """Of every place, over all weights that are trained; what is padded is 0."""
        squares = [per_variant_sum(stack.weights[name].double().square()) for name in self.trained]
        return [float(x) for x in functools.reduce(torch.add, squares).reshape(-1).sqrt().cpu()]

    def _through_the_probe(self, share: Work) -> list[dict[str, Tensor]]:
        """Per-example values by stack: {metric: (place, example)}."""
        everything = torch.arange(len(self.inputs), device=self.device)
        parts = self._parts(len(self.inputs))
        items = [(stack, everything[part]) for stack in self.stacks for part in parts]
        return [joined(one) for one in batched(self._all_seen(items, share), len(parts))]

    def _through_training(self, share: Work) -> list[dict[str, Tensor]]:
        """The same of a full batch: it is gone through as an update does, which then has its gradients, and then the rest."""
        self._ahead = self._ahead or self._passes(self._full, self._steps[self.stacks[0].who[0]], share)
        rests = [torch.stack([self._rests[i][0] for i in stack.places]) for stack in self.stacks]
        parts = self._parts(rests[0].shape[1])
        items = [
            (stack, rest[:, part]) for stack, rest in zip(self.stacks, rests, strict=True) for part in parts
        ]
        done = batched(self._all_seen(items, share), len(parts)) if items else [[] for _ in self.stacks]
        return [
            {
                metric: torch.stack([v[k][self._rests[i][1]] for k, i in enumerate(stack.places)])
                for metric, v in joined([*(one.values for one in passes), *unseen]).items()
            }
            for stack, passes, unseen in zip(self.stacks, self._ahead, done, strict=True)
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

    def _parts(self, n: int) -> list[slice]:
        """Of examples that are only evaluated."""
        outputs = self.feed.task.signature.outputs
        return pieces(n, SEEN if self.by_example else max(1, BYTE_BUDGET // (4 * 16 * max(64, outputs))))

    def _all_seen(self, items: Sequence[tuple[Stack, Tensor]], share: Work) -> list[dict[str, Tensor]]:
        objectives = {id(stack): self._objective(stack, None) for stack in self.stacks}
        return share(lambda item: self._seen(item, objectives[id(item[0])]), items)

    @torch.no_grad()
    def _seen(self, item: tuple[Stack, Tensor], objective: Objective) -> dict[str, Tensor]:
        """What the objective says of these rows of the probe: (example,) of all places, or (place, example)."""
        stack, rows = item
        rows = rows[0] if stack.lone and rows.ndim > 1 else rows
        batch = Batch(self.inputs[rows], self.labels[rows], self.mask)
        return self._examples(stack, stack.models, batch, objective, axis=rows.ndim - 1)[0]


def side_by_side(objectives: Sequence[Objective], update: int | None) -> Objective:
    """One objective for these variants; those without numbers that vary are all alike."""
    first = objectives[0]
    return first.side_by_side(objectives, update) if isinstance(first, Scheduled) else first


def same_bits(x: Tensor) -> bool:
    """Whether all rows hold the same bits; NaN of one kind is itself."""
    rows = x.detach().cpu().contiguous().view(len(x), -1).view(torch.uint8)
    return bool((rows == rows[:1]).all())


def batched(items: Sequence[Item], size: int) -> list[Sequence[Item]]:
    """Neighbours in groups of ``size``."""
    return [items[i : i + size] for i in range(0, len(items), size)]


def joined(parts: Sequence[dict[str, Tensor]]) -> dict[str, Tensor]:
    """Per-example values of pieces of the probe, one after another, on the CPU."""
    return {metric: torch.cat([p[metric] for p in parts], -1).cpu() for metric in parts[0]}


def per_variant_sum(x: Tensor) -> Tensor:
    """Sum over all but the first axis, one axis at a time: a full reduction chooses its order by the number of rows."""
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
    whole = {
        metric: v.to(torch.float64, copy=True) for metric, v in values.items()
    }  # a row's place is not its own
    return row | {f"all_{metric}": float(v.mean()) for metric, v in whole.items()}
