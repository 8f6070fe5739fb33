"""From a study on disk to a document: answer, picture, verdicts, the recipe's sections, provenance."""

from __future__ import annotations

import platform
import re
import warnings
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

import pandas as pd

from ontogeny import expect, registry
from ontogeny.errors import Failed, UserError
from ontogeny.findings.base import Finding
from ontogeny.handles import Store
from ontogeny.report import html, judged, markdown, pdf
from ontogeny.report.answer import answer
from ontogeny.report.document import Document, Figure, Section
from ontogeny.report.words import plain
from ontogeny.store.directory import Directory
from ontogeny.store.files import write_text
from ontogeny.store.index import REPORT
from ontogeny.store.seal import ROOM
from ontogeny.study import Use

DEFAULT_VIEWS = ("loss_curves",)
MANY_RUNS = 80  # more than this are shown as means over seeds


def write_report(
    directory: Directory,
    stamp: str | None = None,
    format: Literal["html", "md", "pdf"] = "html",
    out: Path | None = None,
) -> Path:
    """The report of a study, written whole: ``report/index.html`` or ``report/report.md``, or ``out`` with its figures beside it."""
    stem = "index" if format == "html" else "report"
    return write(assemble(Store(directory)), directory, stem, format, out, stamp)


def write(
    document: Document,
    directory: Directory,
    stem: str,
    format: Literal["html", "md", "pdf"] = "html",
    out: Path | None = None,
    stamp: str | None = None,
) -> Path:
    """A document as ``report/STEM.html`` or ``report/STEM.md``, or as ``out``; Markdown has its figures beside it.

    Its first line is a comment with the seal of the file and the ``stamp`` of what it was made from, by which it is known to be stale.
    """
    if stamp is None:
        study = directory.study()
        asked = expect.expectations(study, expect.members_of(study, directory))
        stamp = asked.stamps(directory.index())[REPORT]
    path = out or directory.report / f"{stem}.{format}"
    if format == "pdf":
        return pdf.write(document, path)
    text = html.render(document) if format == "html" else markdown.render(document, path.parent / path.stem)
    write_text(path, f"<!-- {ROOM} made-from:{stamp} -->\n{text}")
    return path


def assemble(store: Store) -> Document:
    """Everything the report says, from what is on disk."""
    study, found = store.study, store.findings()
    recipe = [(s.heading, s.prose, s.views) for s in study.report] or [
        ("Training", "How did the runs learn?", tuple(Use(name=v) for v in DEFAULT_VIEWS))
    ]
    sections = []
    for heading, prose, views in recipe:
        figures, note = drawn(store, views)
        sections.append(Section(heading, prose, figures, note=note, shown=1))
    picture, sections = first_picture(sections)
    return Document(
        title=study.title or study.name,
        question=study.question,
        answer=answer(study, found),
        sections=[*sections, runs_section(store)],
        provenance=provenance(store),
        made_by=f"ontogeny run {study.name}",
        picture=picture,
        topics=judged.topics(found),
        trust=judged.trust(found),
        files=files(store, found),
    )


def first_picture(sections: Sequence[Section]) -> tuple[Figure | None, list[Section]]:
    """The first figure of all, taken out of its section to stand under the answer; a section of which nothing remains goes."""
    for i, one in enumerate(sections):
        if one.figures:
            rest = replace(one, figures=one.figures[1:])
            kept = [rest] if rest.figures or rest.prose or rest.note else []
            return one.figures[0], [*sections[:i], *kept, *sections[i + 1 :]]
    return None, list(sections)


def drawn(store: Store, uses: Iterable[Use], whose: str = "") -> tuple[list[Figure], str]:
    """The figures, ``whose`` behind every caption, and a note on those that could not be drawn.

    A figure of one run among several says which.
    """
    figures, missing = [], []
    for use in uses:
        title = use.label or registry.views[use.name].title
        run = plain(the_one(store, use))
        if run and run not in title:
            title += f" ({run})"
        try:
            one = store.draw(use.name, **use.options)
        except Exception as error:  # one figure that cannot be drawn must not cost the whole report
            why = str(error)
            if store.entries() and all(entry.status == "diverged" for entry in store.entries()):
                why = "every run diverged, and weights that are no numbers show nothing"
            elif not isinstance(error, UserError):
                said = f"{type(error).__name__}: {error}"
                warnings.warn(
                    f"the view '{use.name}' failed ({said}); the rest goes on.", Failed, stacklevel=2
                )
            missing.append(f"“{title}” is not drawn: {why}")
            continue
        says = plain(one.says)
        figures.append(Figure(replace(one, says=says), f"{title}{whose}", how_to_read(use.name)))
    return figures, " ".join(missing)


def the_one(store: Store, use: Use) -> str:
    """The run that a view of one run shows, where there are others; nothing of a view of them all."""
    if "run" not in registry.views[use.name].defaults or len(store.entries()) < 2:
        return ""
    return str(use.options.get("run") or store.run(store.entries()[0].id).name)


def how_to_read(view: str) -> str:
    """The docstring of a view after its first sentence: what it shows and how it misleads."""
    return docstring(registry.views[view].function)


def docstring(function: Any) -> str:
    """The same of a function that draws."""
    text = (function.__doc__ or "").strip()
    text = re.sub(r"``([^`]+)``", r"“\1”", text)
    return "\n\n".join(" ".join(p.split()) for p in text.split("\n\n"))


def runs_section(store: Store) -> Section:
    """What was trained, in numbers: one row a run, or means over seeds where there are many."""
    table = store.main.runs()
    statuses = table["status"].value_counts().items() if len(table) else ()
    counts = ", ".join(f"{n} {status}" for status, n in statuses) or "none"
    if besides := len(store.entries()) - len(table):
        counts += f"; and {besides} besides, in which the sources of randomness vary apart"
    if left := len(store.besides.entries()) if store.chosen is None else 0:
        counts += f"; {left} of an earlier recipe left out"
    runs = "1 run" if len(table) == 1 else f"{len(table)} runs"
    varied = [name for name in table.attrs.get("varied", []) if name != "seed"]
    if len(table) > MANY_RUNS and varied:
        grouped = table.groupby(varied, sort=True)
        numbers = grouped.mean(numeric_only=True).drop(columns=["seed", "checkpoints"], errors="ignore")
        shown = pd.concat([grouped.size().rename("runs"), numbers], axis=1).reset_index()
        return Section("Runs", f"{runs}: {counts}. Means of the last logged metrics over seeds.", table=shown)
    shown = table.drop(columns=["checkpoints"], errors="ignore")
    return Section("Runs", f"{runs}: {counts}. One row a run, with its last logged metrics.", table=shown)


def provenance(store: Store) -> dict[str, Any]:
    """Recipe, versions, machine: what someone needs to get the same again."""
    records = [e.record.get("provenance", {}) for e in store.entries()]
    first: dict[str, Any] = next((r for r in records if r.get("versions")), {})
    return {
        "study": store.study.name,
        "runs": len(records),
        "engines": sorted({r["engine"] for r in records if r.get("engine")}),
        "report written": datetime.now(UTC).isoformat(timespec="seconds"),
        "python": platform.python_version(),
        **{k: v for k, v in first.items() if k != "command"},  # which names places of one machine
    }


def files(store: Store, found: Sequence[Finding] = ()) -> dict[str, str]:
    """What is data and not a page: the recipe, the runs, every row that was judged."""
    told = {
        "recipe.toml": store.directory.recipe(),
        "runs.csv": store.runs().to_csv(index=False),
    }
    return {**told, "claims.csv": judged.as_csv(found)} if found else told
