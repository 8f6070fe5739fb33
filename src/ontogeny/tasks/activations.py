"""What another network does, as data: the activations of a run at a tap, or somebody's arrays.

    task = { kind = "activations", study = "out/grokking", run = "seed=3", step = -1, tap = "blocks.0.mlp.hook_post" }
    task = { kind = "activations", file = "acts.npy" }

A run's task is asked for its inputs: all of its table, in a shuffled order, or fresh ones of a stream. Rows of a file are read as they
are needed, so it may be larger than memory. ``digest`` says what was found there, the weights of the run or the values of the file; it is part of what a
run is, and where they lie is not. Data that have another digest by now are refused.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import Protocol

from torch import Tensor

from ontogeny import registry
from ontogeny.errors import UserError
from ontogeny.numerics.random import Key
from ontogeny.settings import WHERE
from ontogeny.tasks.base import Batch, Probe, Signature


class Source(Protocol):
    """Where activations come from; the room ``sources`` has them, because tasks touch no disk."""

    @property
    def digest(self) -> str: ...

    @property
    def width(self) -> int: ...

    def probe(self, size: int) -> Probe:
        """A fixed sample, or everything that there is where that has a grid."""
        ...

    def draw(self, key: Key, step: int, size: int, apart: int) -> Tensor:
        """(example, d) of this step; of arrays the first ``apart`` rows of the probe's order are never drawn."""
        ...


@registry.tasks.register("activations")
@dataclass(frozen=True)
class Activations:
    """A stream of activations (example, d).

    Of a run: ``study`` (a directory), ``run`` (its id or what varied: "seed=3"), ``step`` (-1: the last that was kept), ``tap``, and
    ``position`` where the tap has one (-1: the last). The probe is all of the run's table. Of arrays: ``file`` (.npy, .npz, .safetensors),
    ``array`` (its name, where there are several), rows of ``probe_size`` held out as the probe.
    """

    study: str = field(default="", metadata=WHERE)
    run: str = field(default="", metadata=WHERE)
    step: int = field(default=-1, metadata=WHERE)
    tap: str = ""
    position: int = -1
    file: str = field(default="", metadata=WHERE)
    array: str = ""
    probe_size: int = 4096
    digest: str = ""

    finite = False
    elsewhere = True  # nothing of it may be asked for on paper (:mod:`ontogeny.sizes`)

    def __post_init__(self) -> None:
        if bool(self.study) == bool(self.file):
            raise UserError(
                'Activations are those of a run (study = "out/…", run, tap) or of a file (file = "….npy"): say one of the two.'
            )
        if self.study and not self.tap:
            raise UserError(
                'tap = "…" is missing: which activations of the run, such as "blocks.0.mlp.hook_post".'
            )
        if self.probe_size < 1:
            raise UserError(f"probe_size = {self.probe_size}: a probe has at least one example.")
        if not self.digest:
            object.__setattr__(self, "digest", self._opened.digest)

    @property
    def signature(self) -> Signature:
        return Signature(self.source.width, features=self.source.width)

    @cached_property
    def _opened(self) -> Source:
        return registry.sources["run" if self.study else "file"](self)

    @cached_property
    def source(self) -> Source:
        """What lies there, if it is what this task was made of."""
        if self._opened.digest != self.digest:
            raise UserError(
                f"{self.study or self.file} is not what it was: its digest is {self._opened.digest}, and this task was made of {self.digest}. "
                "Bring the old one back, or train in another directory."
            )
        return self._opened

    def probe(self) -> Probe:
        return self.source.probe(self.probe_size)

    def split(self, key: Key) -> dict[str, Tensor]:
        return {}

    def draw(self, key: Key, step: int, size: int) -> Batch:
        x = self.source.draw(key, step, size, self.probe_size)
        return Batch(x, x)
