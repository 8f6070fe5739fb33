"""One variant in training: its parts, its seeds, and what it has become."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from functools import cached_property, lru_cache
from typing import Any, Literal

from torch import Tensor

from ontogeny.models.base import Architecture, Tended, Weights
from ontogeny.numerics.random import Key
from ontogeny.objectives.base import Objective, Scheduled
from ontogeny.spelling import canonical, run_identity
from ontogeny.tasks.base import Probe, Task
from ontogeny.training.optimisers import Moments, Optimiser

Outcome = Literal["training", "done", "stopped", "diverged"]


@lru_cache(maxsize=64)
def probe_of(task: Any) -> Probe:
    """The probe of a task, made once."""
    return task.probe()


@dataclass
class Member:
    """Parts of one variant. ``spec`` is resolved: every default filled in."""

    spec: Mapping[str, Any]
    varied: Mapping[str, Any]
    task: Task
    architecture: Architecture
    objective: Objective
    optimiser: Optimiser | None  # None: trained elsewhere
    seeds: Mapping[str, int]
    batch: int | Literal["full"]
    clip: float | None

    @cached_property
    def id(self) -> str:
        return run_identity(dict(self.spec))

    @property
    def name(self) -> str:
        return ", ".join(f"{k}={v}" for k, v in self.varied.items()) or "the only variant"

    def key(self, purpose: str) -> Key:
        """The key of one source of randomness: ``init``, ``split`` or ``order``."""
        return Key(self.seeds[purpose], purpose)

    def init(self) -> Weights:
        fresh = self.architecture.init(self.task.signature, self.key("init"))
        if isinstance(self.architecture, Tended):
            task: Any = self.task  # a frozen dataclass, which the protocol cannot say
            return self.architecture.fitted(fresh, lambda: probe_of(task).inputs)
        return fresh

    @property
    def shard(self) -> str:
        """What must be equal for two variants to be one stack: the program, and the sizes to which axes are padded."""
        buckets = {
            axis: -(-getattr(self.architecture, axis) // multiple)
            for axis, multiple in self.architecture.pads.items()
        }
        return canonical([self.program, buckets])

    @property
    def program(self) -> str:
        """What must be equal for two variants to be one program: everything but seeds, padded axes, numbers of the optimiser, and those of
        the objective that may stand side by side."""
        architecture = {k: v for k, v in asdict(self.architecture).items() if k not in self.architecture.pads}  # type: ignore[call-overload]
        spec = {k: v for k, v in self.spec.items() if k not in ("architecture", "optimiser", "seeds")}
        if isinstance(self.objective, Scheduled):
            spec["objective"] = {k: v for k, v in spec["objective"].items() if k not in self.objective.varies}
        kinds = [self.spec["architecture"]["kind"], self.spec["optimiser"]["kind"]]
        return canonical([spec, kinds, architecture])


@dataclass
class State:
    """Everything a variant needs to go on: weights, moments, and how many updates they have seen."""

    step: int
    weights: Weights
    moments: Moments = field(default_factory=dict)
    outcome: Outcome = "training"

    def tensors(self) -> dict[str, Tensor]:
        """Flat and named, for a file: ``weights/W_in``, ``m/W_in``, …"""
        flat = {f"weights/{name}": w for name, w in self.weights.items()}
        return flat | {f"{kind}/{name}": x for kind, by in self.moments.items() for name, x in by.items()}

    @classmethod
    def from_tensors(cls, flat: Mapping[str, Tensor], step: int, outcome: Outcome) -> State:
        state = cls(step, {}, {}, outcome)
        for path, value in flat.items():
            kind, _, name = path.partition("/")
            (state.weights if kind == "weights" else state.moments.setdefault(kind, {}))[name] = value
        return state
