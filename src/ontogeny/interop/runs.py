"""A run from elsewhere, added to a study directory so that it is a run like any other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from torch import Tensor

from ontogeny import build
from ontogeny.errors import UserError, a
from ontogeny.models.base import Weights
from ontogeny.spelling import task_of
from ontogeny.store import checkpoints
from ontogeny.store.directory import Directory
from ontogeny.store.headers import read_checkpoint_header
from ontogeny.study import Study, Variant
from ontogeny.training.member import Member

Row = Mapping[str, float]
UNKNOWN: Mapping[str, Any] = {"kind": "unknown"}  # the task of a model of which nobody said what it does


@dataclass(frozen=True)
class Found:
    """One run as somebody's file has it.

    ``rows``: metrics, each with its ``step``; ``split``: the rows of the task's probe in each part, where the file says so
    (without it, lenses that need a held-out part are told that there is none, rather than given one that was never used);
    ``seeds``: those of ours that apply. ``sizes``: settings of a task that the shapes of the weights give away, for whoever
    says which task it is. ``source`` tells apart files in which the same thing varies.
    """

    varied: Mapping[str, Any]
    snapshots: Mapping[int, Weights]
    task: Mapping[str, Any] = field(default_factory=lambda: dict(UNKNOWN))
    sizes: Mapping[str, Any] = field(default_factory=dict)
    architecture: Mapping[str, Any] | None = None  # None: only the weights are known
    objective: Mapping[str, Any] = field(default_factory=lambda: {"kind": "cross_entropy"})
    rows: Sequence[Row] = ()
    split: Mapping[str, list[int]] | None = None
    seeds: Mapping[str, int] = field(default_factory=dict)
    source: str = ""

    def member(self) -> Member:
        """What the run is. Its identity does not depend on its steps."""
        first = next(iter(self.snapshots.values()))
        shapes = {name: list(w.shape) for name, w in first.items()}
        spec: dict[str, Any] = {
            "task": dict(self.task),
            "architecture": dict(self.architecture or {"kind": "weights", "shapes": shapes}),
            "objective": dict(self.objective),
            "optimiser": None,
            "train": {},
            "seeds": dict(self.seeds),
            "recorded": dict(self.varied),
        }
        spec |= {"split": dict(self.split)} if self.split else {}
        spec |= {"source": self.source} if self.source else {}
        return build.member(Variant(varied=dict(self.varied), spec=spec))


def add_run(
    out: str | Path, found: Found, *, done: bool = True, provenance: Mapping[str, Any] | None = None
) -> str:
    """Keep what was found in the study directory ``out`` (made if it is not there); returns the run's id.

    Steps that are there already are replaced, and so are metrics from the first new row on. ``done`` closes the run; until
    somebody says so its status is "recorded". Raises ``UserError`` for weights that are not those of the architecture, and for
    a directory whose study trains its own runs.
    """
    member = found.member()
    for weights in found.snapshots.values():
        fits(member, weights)
    directory = Directory(Path(out))
    with directory.lock("adding a run"):
        _open(directory, found, member)
        files = directory.run(member.id)
        first = min((int(row["step"]) for row in found.rows), default=None)
        if first is not None and (files.folder / "run.json").exists():
            files.rewind_metrics(first - 1)
        _keep(files.checkpoints, found.snapshots)
        if found.rows:
            files.append_metrics(found.rows)
        if done:
            checkpoints.consolidate(files.checkpoints)
            files.close_metrics()
        last = dict(found.rows[-1]) if found.rows else {}
        epoch = last.pop("epoch", None)
        step = max(max(found.snapshots), int(last.pop("step", 0)))
        about: dict[str, Any] = {"id": member.id, "varied": dict(found.varied), "spec": member.spec}
        status = "done" if done else "recorded"
        about |= {"status": status, "step": step, "epoch": epoch, "last": last}
        files.write_record({**about, "provenance": dict(provenance or {"imported": found.source})})
    return member.id


def _open(directory: Directory, found: Found, member: Member) -> None:
    if not directory.study_file.is_file():
        spec = member.spec
        study = Study(
            name=directory.root.resolve().name, task=task_of(spec), architecture=spec["architecture"]
        )
        Directory.create(directory.root, study).write_study(study)
    elif directory.study().train is not None:
        raise UserError(
            f"{directory.root} holds a study that trains its own runs; choose another directory for runs from elsewhere."
        )


def _keep(folder: Path, snapshots: Mapping[int, Mapping[str, Tensor]]) -> None:
    """Write these steps; a file that holds one of them already is written anew with the others it holds."""
    whole: dict[int, Mapping[str, Tensor]] = {}
    overlapping = []
    for path in sorted(folder.glob("steps-*.safetensors")):
        header = read_checkpoint_header(path)
        if set(header.steps) & set(snapshots):
            stacked = checkpoints.read(folder, {path.name: header}, header.steps)
            whole |= {s: {n: w[i] for n, w in stacked.items()} for i, s in enumerate(header.steps)}
            overlapping.append(path)
    kept = checkpoints.write(folder, {**whole, **snapshots})
    for path in overlapping:
        if path != kept:
            path.unlink()


def must_be_tensors(state: Mapping[Any, Any], where: str) -> None:
    """Refuse by name what is no tensor of a state dict, or holds no number."""
    for name, value in state.items():
        if not isinstance(value, Tensor):
            raise UserError(f"{where} has {name!r}, which is {a(type(value))}; a state dict holds tensors.")
        if not value.numel():
            raise UserError(f"{where} has {name!r} of shape {tuple(value.shape)}, which holds no number.")


def fits(member: Member, weights: Mapping[str, Tensor]) -> None:
    """Weights have the names and numbers of axes of the architecture; sizes are for whoever knows the task."""
    axes = member.architecture.axes
    if set(axes) != set(weights):
        raise UserError(
            f"The architecture has the weights {', '.join(axes)}; the model brought {', '.join(weights)}. "
            "Name the architecture that this model is (architecture=on.from_module(factory) for your own)."
        )
    for name, w in weights.items():
        if w.ndim != len(axes[name]):
            raise UserError(f"'{name}' has shape {tuple(w.shape)}; the architecture's axes are {axes[name]}.")
