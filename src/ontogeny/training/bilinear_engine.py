"""The kernel for bilinear networks behind the engine's protocol."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from ontogeny.models.bilinear import Bilinear
from ontogeny.objectives.cross_entropy import CrossEntropy
from ontogeny.study import Stop
from ontogeny.training.bilinear_kernel import BilinearKernel, KernelModel
from ontogeny.training.engine import NORM
from ontogeny.training.feed import Feed
from ontogeny.training.member import Member, State
from ontogeny.training.optimisers import AdamW

METRICS = ("loss", "accuracy")  # of cross-entropy, in the order in which the kernel gives their means


class BilinearEngine:
    """Each model is trained alone inside its core's cache, models in parallel: company cannot matter."""

    name = "bilinear-kernel"
    arithmetic = "one variant at a time"

    def __init__(self, members: Sequence[Member], states: Sequence[State], feed: Feed) -> None:
        self.feed = feed
        self._steps = [s.step for s in states]
        models = []
        for member, state in zip(members, states, strict=True):
            o = member.optimiser
            assert isinstance(o, AdamW)
            hyper = {k: float(getattr(o, k)) for k in ("lr", "weight_decay", "beta1", "beta2", "eps")}
            models.append(
                KernelModel.pack(state.weights, state.moments.get("m"), state.moments.get("v"), hyper)
            )
        self.kernel = BilinearKernel(models, threads=torch.get_num_threads())
        self.inputs, self.labels = feed.probe.inputs.numpy(), feed.probe.labels.numpy()
        everything = np.arange(len(self.labels))
        shared = {id(s): [*(rows.numpy() for rows in s.values()), everything] for s in feed.splits}
        self._parts = [shared[id(split)] for split in feed.splits]
        self._columns = [f"{part}_{metric}" for part in (*feed.splits[0], "all") for metric in METRICS]

    @staticmethod
    def obstacle(member: Member, device: str) -> str | None:
        """Why the kernel cannot train this variant; ``None`` if it can."""
        if device != "cpu":
            return f"it runs on the CPU, the device is {device}"
        if type(member.architecture) is not Bilinear:
            return "the architecture is not 'bilinear'"
        if not member.task.finite or member.task.signature.positions != 2:
            return "the task is not a finite table of pairs"
        if type(member.objective) is not CrossEntropy or member.objective.precision != "float32":
            return "the objective is not cross-entropy in float32"
        o = member.optimiser
        if type(o) is not AdamW or o.warmup or o.decay_stop or member.clip is not None:
            return "the optimiser is not plain AdamW without warm-up, decay or clipping"
        return None

    def advance(self, active: Sequence[int], start: int, stop: int) -> dict[int, int]:
        seeds = {i: (s["split"], s["order"]) for i in active for s in [self.feed.members[i].seeds]}
        one_each = {by: i for i, by in seeds.items()}
        drawn = {by: self.feed.rows(i, start, stop).numpy() for by, i in one_each.items()}
        finite = self.kernel.advance(
            active, self.inputs, self.labels, [drawn[seeds[i]] for i in active], start
        )
        for i in active:
            self._steps[i] = stop
        return {i: stop for i, ok in zip(active, finite, strict=True) if not ok}

    def evaluate(self, active: Sequence[int], rule: Stop | None = None) -> dict[int, dict[str, float]]:
        active = self._may_stop(active, rule) if rule else active
        means = self.kernel.means(active, self.inputs, self.labels, [self._parts[i] for i in active])
        rows = means.reshape(len(active), len(self._columns)).tolist()
        return {
            i: {**dict(zip(self._columns, row, strict=True)), NORM: self._norm(i)}
            for i, row in zip(active, rows, strict=True)
        }

    def _norm(self, i: int) -> float:
        flat = self.kernel.models[i].weights.astype(np.float64)
        return float(np.sqrt(flat @ flat))

    def _may_stop(self, active: Sequence[int], rule: Stop) -> Sequence[int]:
        """Those that a rule on accuracy may stop: pairs are gone through until too many are wrong, which is soon."""
        if rule.at_least is None or rule.at_most is not None or not rule.metric.endswith("_accuracy"):
            return active
        part = self._columns.index(rule.metric) // len(METRICS)
        rows = [self._parts[i][part] for i in active]
        needed = [int(np.searchsorted(np.arange(len(of) + 1) / len(of), rule.at_least)) for of in rows]
        reached = self.kernel.reach(active, self.inputs, self.labels, rows, needed)
        return [i for i, there in zip(active, reached, strict=True) if there]

    def state(self, i: int) -> State:
        weights, m, v = self.kernel.models[i].unpack()
        return State(self._steps[i], weights, {"m": m, "v": v})
