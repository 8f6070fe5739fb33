"""What ``import ontogeny as on`` gives that does work: run, open, from_module, record."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from ontogeny import execute
from ontogeny.handles import Collector, Store, open_store
from ontogeny.interop.record import record
from ontogeny.models.module import from_module
from ontogeny.plan import STAGES, Plan, Stage
from ontogeny.study import Study, load_study

__all__ = ["from_module", "open", "record", "run"]


def run(
    study: str | Path | Mapping[str, Any] | Study,
    out: str | Path,
    overrides: Iterable[str] = (),
    *,
    stages: Iterable[Stage] = STAGES,
    device: str = "cpu",
    engine: str = "auto",
    commit_every: float = 20.0,
    progress: execute.Progress | None = None,
) -> Store:
    """Train, look, compare, find and report what the study asks for and ``out`` does not have yet.

    ``study``: a built-in name, a TOML path, a mapping, or a :class:`Study`; ``overrides``: ``"train.epochs=1000"``.
    The same call again does nothing; an interrupted one goes on where it was.
    """
    plan = carry_out(
        load_study(study, overrides),
        out,
        stages=stages,
        device=device,
        engine=engine,
        commit_every=commit_every,
        progress=progress or execute.silent,
    )
    for warning in plan.warnings:
        warnings.warn(warning, stacklevel=2)
    return open_store(out)


def carry_out(study: Study, out: str | Path, **settings: Any) -> Plan:
    """``execute.run`` with the report that this package writes."""
    from ontogeny.report.assemble import write_report

    return execute.run(study, out, collect=Collector(), draw=write_report, **settings)


def open(path: str | Path) -> Store:
    """An existing study directory."""
    return open_store(path)
