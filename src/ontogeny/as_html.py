"""What a notebook shows of a store and of a run: a line that says what it is, and a table."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ontogeny.handles import Store
    from ontogeny.one_run import Run

MOST_ROWS = 12


def of_store(store: Store) -> str:
    """Name, question, how many runs of which status, and the first of them."""
    table = store.runs()
    counts = (
        ", ".join(f"{n} {status}" for status, n in table["status"].value_counts().items())
        if len(table)
        else "no runs"
    )
    left = len(store.besides.entries()) if store.chosen is None else 0
    words = [counts, *([f"{left} of an earlier recipe apart: <code>store.besides</code>"] if left else [])]
    more = (
        f"<p>and {len(table) - MOST_ROWS} more: <code>store.runs()</code></p>"
        if len(table) > MOST_ROWS
        else ""
    )
    shown: Any = table.head(MOST_ROWS)
    title = escape(store.study.title or store.study.name)
    question = f"<p><i>{escape(store.study.question)}</i></p>" if store.study.question else ""
    where = escape(str(store.directory.root))
    return f"<p><b>{title}</b> – {'; '.join(words)} – <code>{where}</code></p>{question}{shown.to_html(max_cols=12)}{more}"


def of_run(run: Run) -> str:
    """What varied, how far it came, which steps and results are kept."""
    last = run.entry.record.get("last", {})
    steps = f"{len(run.steps)} from {run.steps[0]:,} to {run.steps[-1]:,}" if run.steps else "none"
    rows = {
        "id": run.id,
        "status": f"{run.status} at step {run.entry.record.get('step')}",
        "checkpoints": steps,
        **{name.replace("_", " "): f"{value:.4g}" for name, value in last.items()},
        "results": ", ".join(sorted(run.entry.results)) or "none",
    }
    cells = "".join(f"<tr><th>{escape(k)}</th><td>{escape(str(v))}</td></tr>" for k, v in rows.items())
    return f"<p><b>Run {escape(run.name)}</b></p><table>{cells}</table>"
