"""A population of bilinear networks trained by compiled loops, one model to a core at a time.

A network of 20,000 weights is too small for a tensor library: launching an operation takes longer than computing it. Here a
compiled loop carries one model through many updates, and threads take whole models. No model's arithmetic knows its company.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from ontogeny.provenance import cores
from ontogeny.training import bilinear_loops

Array = np.ndarray
NAMES = ("W_l", "W_r", "W_p")


@dataclass
class KernelModel:
    """One model as the kernel keeps it: ``weights``, ``m``, ``v`` are flat float32 (W_lᵀ, W_rᵀ, W_pᵀ), updated in place.

    ``lr``, ``weight_decay``, ``beta1``, ``beta2``, ``eps`` are AdamW's.
    """

    weights: Array
    m: Array
    v: Array
    d_hidden: int
    inputs: int
    outputs: int
    lr: float
    weight_decay: float = 0.01
    beta1: float = 0.9
    beta2: float = 0.999
    eps: float = 1e-8

    @classmethod
    def pack(
        cls,
        weights: Mapping[str, Tensor],
        m: Mapping[str, Tensor] | None,
        v: Mapping[str, Tensor] | None,
        hyper: Mapping[str, float],
    ) -> KernelModel:
        """Copies of native W_l, W_r (d_hidden, input), W_p (output, d_hidden) and AdamW's moments; None: no update yet."""

        def flat(tensors: Mapping[str, Tensor]) -> Array:
            return torch.cat([tensors[name].detach().cpu().float().mT.reshape(-1) for name in NAMES]).numpy()

        packed = flat(weights)
        first, second = (np.zeros_like(packed) if moment is None else flat(moment) for moment in (m, v))
        (d_hidden, inputs), outputs = weights["W_l"].shape, weights["W_p"].shape[0]
        return cls(packed, first, second, d_hidden, inputs, outputs, **hyper)

    def unpack(self) -> tuple[dict[str, Tensor], dict[str, Tensor], dict[str, Tensor]]:
        """(weights, m, v) in native shapes, as copies."""
        sizes = [self.inputs * self.d_hidden] * 2 + [self.d_hidden * self.outputs]
        widths = (self.d_hidden, self.d_hidden, self.outputs)

        def native(flat: Array) -> dict[str, Tensor]:
            parts = torch.from_numpy(flat).split(sizes)
            return {
                name: part.view(-1, width).mT.clone(memory_format=torch.contiguous_format)
                for name, part, width in zip(NAMES, parts, widths, strict=True)
            }

        return native(self.weights), native(self.m), native(self.v)


class BilinearKernel:
    """Trains and evaluates bilinear models of any widths side by side: bitwise the same alone, in company, in any portions."""

    def __init__(self, models: list[KernelModel], threads: int | None = None) -> None:
        self.models = models
        self._threads = threads or cores()
        self._pool = ThreadPoolExecutor(self._threads)

    def advance(
        self, active: Sequence[int], inputs: Array, labels: Array, batches: Sequence[Array], first_step: int
    ) -> Array:
        """Train ``active`` models on ``batches`` (steps, batch), one array each; says which have finite weights afterwards.

        ``inputs`` (example, 2) tokens, ``labels`` (example,); ``first_step`` updates were made before.
        """
        inputs, labels = self._table(active, inputs, labels)
        batches = [np.ascontiguousarray(rows, np.int64) for rows in batches]
        for rows in {id(rows): rows for rows in batches}.values():  # many models share one order of batches
            _within(rows, len(labels), "batch rows")
        if not len(set(active)) == len(active) == len(batches):
            raise ValueError(
                f"{len(batches)} arrays of batches for the models {list(active)}: one for each, each model once."
            )
        finite = np.zeros(len(active), bool)

        def train(i: int, model: KernelModel) -> None:
            hyper = tuple(map(float, (model.lr, model.weight_decay, model.beta1, model.beta2, model.eps)))
            state, shape = (model.weights, model.m, model.v), (model.d_hidden, model.inputs, model.outputs)
            finite[i] = bilinear_loops.advance(*state, *shape, hyper, inputs, labels, batches[i], first_step)

        self._each(active, train)
        return finite

    def evaluate(self, active: Sequence[int], inputs: Array, labels: Array) -> tuple[Array, Array]:
        """Loss in nats and correctness, (active, example). Of equal logits the first counts; NaN is never correct."""
        inputs, labels = self._table(active, inputs, labels)
        loss = np.empty((len(active), len(labels)), np.float32)
        correct = np.empty((len(active), len(labels)), bool)

        def look(i: int, model: KernelModel) -> None:
            shape = (model.d_hidden, model.inputs, model.outputs)
            bilinear_loops.evaluate(model.weights, *shape, inputs, labels, loss[i], correct[i])

        self._each(active, look)
        return loss, correct

    def means(
        self, active: Sequence[int], inputs: Array, labels: Array, parts: Sequence[Sequence[Array]]
    ) -> Array:
        """Mean loss and accuracy, in float64, of each active model over its ``parts`` (rows of the table): (active, part, 2)."""
        inputs, labels = self._table(active, inputs, labels)
        joined = {id(of): (np.concatenate(of), np.cumsum([len(rows) for rows in of])) for of in parts}
        for rows, _ in joined.values():
            _within(rows, len(labels), "rows of a part")
        out = np.empty((len(active), len(parts[0]) if parts else 0, 2))

        def look(i: int, model: KernelModel) -> None:
            shape = (model.d_hidden, model.inputs, model.outputs)
            bilinear_loops.means(model.weights, *shape, inputs, labels, *joined[id(parts[i])], out[i])

        self._each(active, look)
        return out

    def reach(
        self,
        active: Sequence[int],
        inputs: Array,
        labels: Array,
        rows: Sequence[Array],
        needed: Sequence[int],
    ) -> Array:
        """Whether each active model is right on at least ``needed`` of its ``rows`` of the table; seen no further than is
        necessary."""
        inputs, labels = self._table(active, inputs, labels)
        for of in {id(of): of for of in rows}.values():
            _within(of, len(labels), "rows of a part")
        out = np.zeros(len(active), bool)

        def look(i: int, model: KernelModel) -> None:
            shape = (model.d_hidden, model.inputs, model.outputs)
            out[i] = bilinear_loops.reach(model.weights, *shape, inputs, labels, rows[i], needed[i])

        self._each(active, look)
        return out

    def _each(self, active: Sequence[int], work: Callable[[int, KernelModel], None]) -> None:
        """Every thread takes the next model when it is free, the widest first."""
        models = [self.models[i] for i in active]
        waiting = iter(sorted(range(len(active)), key=lambda i: -models[i].d_hidden))

        def take() -> None:
            for i in waiting:
                work(i, models[i])

        for taken in [self._pool.submit(take) for _ in range(self._threads)]:
            taken.result()

    def _table(self, active: Sequence[int], inputs: Array, labels: Array) -> tuple[Array, Array]:
        """The look-up table as compiled code wants it, checked against the shapes of the active models."""
        inputs, labels = np.ascontiguousarray(inputs, np.int64), np.ascontiguousarray(labels, np.int64)
        if inputs.shape != (len(labels), 2):
            raise ValueError(
                f"inputs {inputs.shape} for {len(labels)} labels: two tokens for each label are needed."
            )
        for vocab, outputs in {(self.models[i].inputs // 2, self.models[i].outputs) for i in active}:
            _within(inputs, vocab, "tokens")
            _within(labels, outputs, "labels")
        return inputs, labels


def _within(index: Array, size: int, what: str) -> None:
    """Compiled look-ups do not check their bounds."""
    if index.size and not 0 <= index.min() <= index.max() < size:
        raise IndexError(f"{what} run from {index.min()} to {index.max()}; they must lie in 0 … {size - 1}.")
