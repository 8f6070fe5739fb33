"""Keep checkpoints from anybody's own training loop: they become runs like any other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from ontogeny.errors import UserError, a
from ontogeny.interop.runs import Found, add_run, must_be_tensors


def record(
    out: str | Path,
    model: nn.Module | Mapping[str, Tensor],
    step: int,
    *,
    metrics: Mapping[str, float] | None = None,
    task: Mapping[str, Any] | None = None,
    architecture: Mapping[str, Any] | None = None,
    objective: Mapping[str, Any] | None = None,
    split: Mapping[str, Sequence[int]] | int | None = None,
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
    the model and on what, so that lenses can read outputs and taps; without them, lenses that read weights alone work.
    ``split`` says which rows of the task's table you trained on, ``{"train": rows, "test": rows}``; a number means the split
    that our own training draws with that seed. Without it nothing is said of train and test, because nobody but you knows. A
    step that was recorded before is replaced. ``done=True`` with the last step closes the run; until then its status is
    "recorded".

    Raises ``UserError`` for weights whose names or shapes are not those of the architecture, and for a directory that holds a
    study which trains its own runs.
    """
    if isinstance(step, bool) or not isinstance(step, int) or step < 0:
        raise UserError(f"step = {step!r}: a step is how many updates the weights have seen, 0, 1, 2, …")
    found = Found(
        varied=varied,
        snapshots={step: _weights(model)},
        task=task or {"kind": "unknown"},
        architecture=architecture,
        objective=objective or {"kind": "cross_entropy"},
        rows=[{"step": step, **_numbers(metrics or {})}],
        split=_rows(split) if isinstance(split, Mapping) else None,
        seeds={} if split is None or isinstance(split, Mapping) else {"split": int(split)},
    )
    return add_run(out, found, done=done, provenance={"recorded": True})


def _weights(model: nn.Module | Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Named tensors, detached and copied. Our own modules give the architecture's names, others their state dict's."""
    named = getattr(model, "weights", None) if isinstance(model, nn.Module) else model
    if not isinstance(named, Mapping):
        if not isinstance(model, nn.Module):
            raise UserError(
                f"A model is an nn.Module or a dict of named tensors, such as its state dict; this is {a(type(model))}."
            )
        named = model.state_dict()
    named = {name: torch.from_numpy(w) if isinstance(w, np.ndarray) else w for name, w in named.items()}
    must_be_tensors(named, "The model")
    return {name: w.detach().cpu().clone() for name, w in named.items()}


def _numbers(metrics: Mapping[str, Any]) -> dict[str, float]:
    """Metrics as numbers: a tensor of one value counts as one."""
    try:
        return {name: float(value) for name, value in metrics.items()}
    except (TypeError, ValueError, RuntimeError, AttributeError):
        raise UserError(
            f"metrics = {metrics!r}: each is a name and one number, {{'train_loss': 0.1}}."
        ) from None


def _rows(split: Mapping[str, Sequence[int]]) -> dict[str, list[int]]:
    try:
        return {part: [int(row) for row in rows] for part, rows in split.items()}
    except (TypeError, ValueError):
        raise UserError(
            "split names the rows of the task's table in each part, {'train': [0, 3, …], 'test': […]}, or is the number of a seed."
        ) from None
