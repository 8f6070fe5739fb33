"""Activations of a run of another study, and that run going on from there with others in their place."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property, lru_cache, partial
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from ontogeny import build
from ontogeny.errors import NotAStudy, UserError
from ontogeny.interventions.base import Fitted
from ontogeny.numerics.random import Key
from ontogeny.numerics.shuffle import batch_of
from ontogeny.registry import sources
from ontogeny.store import checkpoints
from ontogeny.store.directory import Directory
from ontogeny.store.index import Index, RunEntry
from ontogeny.study import built_in
from ontogeny.subject import Subject
from ontogeny.tasks.activations import Activations
from ontogeny.tasks.base import Batch, Probe
from ontogeny.training.member import Member
from ontogeny.which import meant

EXAMPLES = 4096  # of one forward pass


@sources.register("run")
class Run:
    """One tap of one run at one step: (example, d), heads side by side."""

    def __init__(self, task: Activations) -> None:
        self.task = task
        self.directory = _study(task.study)
        self.entry = _entry(self.directory, task)
        self.step = _step(self.entry, task)

    @cached_property
    def digest(self) -> str:
        return f"run:{self.entry.id}:{self.entry.digests[self.step]}"

    @property
    def words(self) -> str:
        varied = ", ".join(f"{k}={v}" for k, v in self.entry.record.get("varied", {}).items())
        return f"{self.directory.root}, {varied or self.entry.id}, step {self.step:,}, {self.task.tap}"

    @cached_property
    def member(self) -> Member:
        return build.member_of(self.entry.record)

    @cached_property
    def subject(self) -> Subject:
        """The run at its step."""
        folder = self.directory.run(self.entry.id).checkpoints
        weights = checkpoints.read(folder, self.entry.checkpoints, [self.step])
        return build.subject(self.member, {n: w[0] for n, w in weights.items()})

    @cached_property
    def tap(self) -> str:
        """Its own name; ``neurons`` and other roles are understood."""
        return self.subject.where(self.task.tap)

    @cached_property
    def axes(self) -> tuple[str, ...]:
        """Of the tap: example, maybe position, then what is laid side by side."""
        axes = self.subject.axes_of(self.tap)
        if "query" in axes or len(axes) < 2:
            raise UserError(
                f"The tap '{self.tap}' has the axes {', '.join(axes)}: that is no vector an example."
            )
        return axes

    @cached_property
    def everything(self) -> Tensor:
        """Of the run's probe: (example, d)."""
        if not len(self.subject.probe.inputs):
            raise UserError(
                f"Nobody said what {self.words} was trained on, so there are no inputs to see it at."
            )
        return self.at(self.subject.probe.inputs)

    @property
    def width(self) -> int:
        return int(self.everything.shape[-1])

    def at(self, inputs: Tensor) -> Tensor:
        """Activations on these inputs, (example, d)."""
        parts = []
        with torch.no_grad():
            for part in inputs.split(EXAMPLES):
                forward = self.subject.architecture.forward(self.subject.weights, part, read=(self.tap,))
                parts.append(self._flat(forward.taps[self.tap]))
        return torch.cat(parts)

    def _flat(self, value: Tensor) -> Tensor:
        if "position" in self.axes:
            value = value.select(self.axes.index("position"), self.task.position)
        return value.flatten(1).float()

    def _put(self, new: Tensor, value: Tensor, taps: object = None, held: object = None) -> Tensor:
        """A tap with these vectors in their place."""
        if "position" not in self.axes:
            return new.to(value.dtype).view_as(value)
        axis = self.axes.index("position")
        one = value.select(axis, self.task.position)
        return value.select_scatter(new.to(value.dtype).view_as(one), axis, self.task.position)

    def probe(self, size: int) -> Probe:
        host, x = self.subject.probe, self.everything
        if (
            host.group is not None and host.group.words
        ):  # its outputs are another's: lenses of frequency would name the wrong answers
            return Probe(x, x, grid=host.grid, host=self)
        return Probe(x, x, grid=host.grid, period=host.period, group=host.group, host=self)

    def draw(self, key: Key, step: int, size: int, apart: int) -> Tensor:
        if self.member.task.finite:
            rows: np.ndarray = batch_of(step, size, len(self.everything), key)
            return self.everything[torch.from_numpy(rows)]
        return self.at(self.member.task.draw(key, step, size).inputs)

    # -- the run as a host ---------------------------------------------------------------------------------------------

    @property
    def labels(self) -> Tensor:
        return self.subject.probe.labels

    def onward(self, values: Tensor | None) -> tuple[Tensor, Mapping[str, Tensor]]:
        """Outputs and what the objective says of each example, with these (example, d) at the tap."""
        if values is None:
            return self.subject.outputs, self.subject.examples
        model, outputs, examples = self.subject, [], []
        probe = model.probe
        parts = (probe.inputs.split(EXAMPLES), probe.labels.split(EXAMPLES), values.split(EXAMPLES))
        for inputs, labels, new in zip(*parts, strict=True):
            edit = Fitted(self.tap, partial(self._put, new))
            with torch.no_grad():
                forward = model.architecture.forward(
                    model.weights, inputs, read=model.objective.reads, edit=edit
                )
                examples.append(model.objective.examples(forward, Batch(inputs, labels, probe.mask)))
            outputs.append(forward.outputs)
        return torch.cat(outputs), {n: torch.cat([one[n] for one in examples]) for n in examples[0]}


def _study(path: str) -> Directory:
    """The directory of a study; what to do first where it is not there yet."""
    try:
        return Directory.open(path)
    except NotAStudy as error:
        name = Path(path).name
        recipe = name if name in built_in() else "STUDY"
        raise UserError(
            f"These are activations of a run in {path}, and there is no study yet. First: `ontogeny run {recipe} --out {path}`."
            if not Path(path).exists()
            else str(error)
        ) from None


@lru_cache(maxsize=8)
def _index(directory: Directory, stamp: tuple[int, ...]) -> Index:
    """What is there; read again once a run or a checkpoint came or went."""
    return directory.index()


def _stamp(directory: Directory) -> tuple[int, ...]:
    runs = directory.root / "runs"
    folders = [runs, *(run / "checkpoints" for run in sorted(runs.iterdir()))] if runs.is_dir() else []
    return tuple(folder.stat().st_mtime_ns for folder in folders if folder.is_dir())


def _entry(directory: Directory, task: Activations) -> RunEntry:
    index = _index(directory, _stamp(directory))
    there = {id: e.record.get("varied", {}) for id, e in index.runs.items() if e.record}
    if not there:
        raise UserError(
            f"{directory.root} has no runs yet. First: `ontogeny run {directory.root / 'study.toml'} --out {directory.root}`."
        )
    if not task.run and len(there) > 1:
        some = "; ".join(
            ", ".join(f"{k}={v}" for k, v in one.items()) or id for id, one in list(there.items())[:4]
        )
        raise UserError(
            f'Which of the {len(there)} runs of {directory.root}? Say run = "…": {some}{", …" if len(there) > 4 else ""}.'
        )
    entry = index.runs[meant(there, task.run or next(iter(there)), {})]
    if not entry.steps:
        raise UserError(
            f"The run {task.run or entry.id} of {directory.root} has kept no weights yet ({entry.status}): let it train first."
        )
    return entry


def _step(entry: RunEntry, task: Activations) -> int:
    steps = entry.steps
    if -len(steps) <= task.step < 0:
        return steps[task.step]
    if task.step not in steps:
        near = sorted(sorted(steps, key=lambda s: abs(s - task.step))[:2])
        raise UserError(
            f"Step {task.step} of {task.run or entry.id} in {task.study} was not kept; the nearest are {' and '.join(map(str, near))}."
        )
    return task.step
