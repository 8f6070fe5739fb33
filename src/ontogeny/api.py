"""What ``import ontogeny as on`` gives that does work: run, open, from_module, record."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import torch

from ontogeny import execute
from ontogeny.errors import UnknownName, UserError
from ontogeny.executors.choose import executor
from ontogeny.handles import Store, open_store
from ontogeny.interop.record import record
from ontogeny.models.module import from_module, trust
from ontogeny.plan import STAGES, Stage
from ontogeny.progress import Lines
from ontogeny.study import Study, load_study

DEVICES, ENGINES = ("cpu", "cuda"), ("auto", "torch", "kernel")
__all__ = ["from_module", "open", "record", "run", "trust"]


def run(
    study: str | Path | Mapping[str, Any] | Study,
    out: str | Path,
    overrides: Iterable[str] = (),
    *,
    stages: Iterable[Stage] = STAGES,
    device: str = "cpu",
    engine: str = "auto",
    commit_every: float = 20.0,
    jobs: int | None = None,
    on: str | None = None,
    progress: execute.Progress | None = None,
) -> Store:
    """Train, look, compare, find and report what the study asks for and ``out`` does not have yet.

    ``study``: a built-in name, a TOML path, a mapping, or a :class:`Study`; ``overrides``: ``"train.epochs=1000"``.
    ``jobs``: processes that work side by side; ``on``: "here", "processes", "ray" or "ray://HOST:PORT".
    The same call again does nothing; an interrupted one goes on where it was. What takes long says now and then how far it is;
    ``progress=ontogeny.execute.silent`` says nothing.
    """
    stages = _known_stages(stages)
    overrides = [overrides] if isinstance(overrides, str) else overrides
    if device not in DEVICES or engine not in ENGINES:
        what, given, known = (
            ("device", device, DEVICES) if device not in DEVICES else ("engine", engine, ENGINES)
        )
        raise UnknownName(what, str(given), known)
    if device == "cuda" and not torch.cuda.is_available():
        raise UserError("device='cuda': PyTorch sees no GPU on this machine. Use device='cpu'.")
    plan = execute.run(
        load_study(study, overrides),
        out,
        stages=stages,
        device=device,
        engine=engine,
        commit_every=commit_every,
        executor=executor(on, jobs),
        progress=progress or Lines(),
    )
    for warning in plan.warnings:
        warnings.warn(warning, stacklevel=2)
    return open_store(out)


def _known_stages(stages: Iterable[Stage]) -> list[Stage]:
    given: list[Any] = [stages] if isinstance(stages, str) else list(stages)
    for stage in given:
        if stage not in STAGES:
            raise UnknownName("stage", str(stage), STAGES)
    return given


def open(path: str | Path) -> Store:
    """An existing study directory."""
    return open_store(path)
