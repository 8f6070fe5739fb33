"""Keep checkpoints from anybody's own training loop: they become runs like any other."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import Tensor, nn

from ontogeny import build
from ontogeny.errors import UserError
from ontogeny.store import checkpoints
from ontogeny.store.directory import Directory
from ontogeny.study import Study, Variant


def record(
    out: str | Path,
    model: nn.Module | Mapping[str, Tensor],
    step: int,
    *,
    metrics: Mapping[str, float] | None = None,
    task: Mapping[str, Any] | None = None,
    architecture: Mapping[str, Any] | None = None,
    objective: Mapping[str, Any] | None = None,
    done: bool = False,
    **varied: Any,
) -> str:
    """Keep the weights (and metrics) of ``model`` at ``step`` in the study directory ``out``; returns the run's id.

        for step in range(1001):
            if step % 100 == 0:
                on.record("out/mine", model, step, metrics={"train_loss": loss}, seed=0,
                          architecture=on.from_module(make_model), task={"kind": "modular_addition", "p": 7})
            ...

    ``varied`` names the run (``seed=0, width=32``); the same names are the same run. ``architecture`` and ``task`` say how to run
    the model and on what, so that lenses can read outputs and taps; without them, lenses that read weights alone work. A step that
    was recorded before is replaced. ``done=True`` with the last step closes the run.

    Raises ``UserError`` for weights whose names or shapes are not those of the architecture, and for a directory that holds a
    study which trains its own runs.
    """
    weights = _weights(model)
    shapes = {name: list(w.shape) for name, w in weights.items()}
    spec = {
        "task": dict(task or {"kind": "unknown"}),
        "architecture": dict(architecture or {"kind": "weights", "shapes": shapes}),
        "objective": dict(objective or {"kind": "cross_entropy"}),
        "optimiser": None,
        "train": {},
        "seeds": {"split": int(varied.get("seed", 0))},
        "recorded": dict(varied),
    }
    member = build.member(Variant(varied=varied, spec=spec))
    _fits(member.architecture.axes, weights)
    directory = Directory(Path(out))
    study = Study(name=directory.root.resolve().name, task=spec["task"], architecture=spec["architecture"])
    with directory.lock("ontogeny.record"):
        if directory.study_file.is_file():
            if directory.study().train is not None:
                raise UserError(
                    f"{out} holds a study that trains its own runs; record into another directory."
                )
        else:
            Directory.create(out, study).write_study(study)
        files = directory.run(member.id)
        if (files.folder / "run.json").exists():
            before = files.metrics()
            if len(before) and (before["step"] >= step).any():
                files.rewind_metrics(step - 1)
        for path in files.checkpoints.glob(f"steps-{step}-{step}.safetensors"):
            path.unlink()
        checkpoints.write(files.checkpoints, {step: weights})
        row = {"step": step, **(metrics or {})}
        files.append_metrics([row])
        if done:
            checkpoints.consolidate(files.checkpoints)
        files.write_record(
            {
                "id": member.id,
                "varied": dict(varied),
                "spec": member.spec,
                "status": "done",
                "step": step,
                "last": dict(metrics or {}),
                "provenance": {"recorded": True},
            }
        )
    return member.id


def _weights(model: nn.Module | Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Named tensors, detached and copied. Our own modules give the architecture's names, others their state dict's."""
    named = getattr(model, "weights", None) if isinstance(model, nn.Module) else model
    if not isinstance(named, Mapping):
        named = model.state_dict()  # type: ignore[union-attr]
    return {name: w.detach().cpu().clone() for name, w in named.items()}


def _fits(axes: Mapping[str, tuple[str, ...]], weights: Mapping[str, Tensor]) -> None:
    if set(axes) != set(weights):
        raise UserError(
            f"The architecture has the weights {', '.join(axes)}; the model brought {', '.join(weights)}. "
            "Name the architecture that this model is (architecture=on.from_module(factory) for your own)."
        )
    for name, w in weights.items():
        if w.ndim != len(axes[name]):
            raise UserError(f"'{name}' has shape {tuple(w.shape)}; the architecture's axes are {axes[name]}.")
