"""Tables over runs: what they are, what they logged, what was published, what findings kept."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import pandas as pd

from ontogeny import build
from ontogeny.errors import UnknownName
from ontogeny.findings.log_events import log_events

if TYPE_CHECKING:
    from ontogeny.handles import Store


def of_runs(store: Store) -> pd.DataFrame:
    """One row a run: what varied, status, step, epoch, number of checkpoints, and the last logged metrics."""
    population, rows = store.population, []
    for entry in [*population.entries, *population.unreadable]:
        record = entry.record
        row = {"run": entry.id, **population.named(entry), "status": entry.status}
        row |= {name: record.get(name) for name in ("step", "epoch", "budget_epochs")}
        rows.append({**row, "checkpoints": len(entry.steps), **record.get("last", {})})
    table = pd.DataFrame(rows).set_index("run") if rows else pd.DataFrame(index=pd.Index([], name="run"))
    return population.say_what_varied(table)


def of_metrics(store: Store) -> pd.DataFrame:
    """Every logged step of every run, long: run, what varied, step, epoch, metrics."""
    tables = []
    for entry in store.entries():
        table = store.directory.run(entry.id).metrics()
        front = {"run": entry.id, **store.population.named(entry)}
        tables.append(table.assign(**front)[[*front, *table.columns]])
    table = pd.concat(tables, ignore_index=True) if tables else pd.DataFrame({"run": []})
    objectives = {e.record["spec"]["objective"]["kind"] for e in store.entries()}
    if objectives and objectives <= {"cross_entropy", "next_token"}:
        table.attrs["outputs"] = build.part("task", store.study.task).signature.outputs
    return store.population.say_what_varied(table)


def of_log(store: Store, name: str = "", options: Mapping[str, Any] | None = None) -> pd.DataFrame:
    """What was logged, or ``events``: what happened in it, one row a run (:func:`~ontogeny.findings.log_events.log_events`)."""
    if name not in ("", "events"):
        raise UnknownName("table of the log", name, ("events",))
    told = inspect.signature(log_events).parameters
    for option in options or {}:
        if option not in told or option == "metrics":
            raise UnknownName(
                "option of the events of a log", option, [one for one in told if one != "metrics"]
            )
    logged = of_metrics(store)
    return log_events(logged, **(options or {})) if name else logged


def of_published(store: Store) -> pd.DataFrame | None:
    """The published table that the study carries, if it carries one."""
    return pd.DataFrame(store.study.published) if store.study.published else None


def of_findings(store: Store, kind: str = "") -> pd.DataFrame | None:
    """The rows that findings of one kind (or of any) keep for pictures (``details["table"]``)."""
    kept = [f.details["table"] for f in store.findings() if "table" in f.details and kind in ("", f.kind)]
    if not kept:
        return None
    joined = pd.concat([pd.DataFrame(rows) for rows in kept], ignore_index=True)
    return store.population.say_what_varied(joined)
