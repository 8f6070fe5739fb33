"""From a study on disk to a document: question, answer, verdicts, the recipe's sections, provenance."""

from __future__ import annotations

import platform
import warnings
from collections import Counter
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

import pandas as pd

from ontogeny import expect, registry
from ontogeny.errors import UserError
from ontogeny.findings.base import Finding
from ontogeny.findings.verdicts import by_chance
from ontogeny.handles import Store
from ontogeny.report import html, markdown
from ontogeny.report.document import Document, Figure, Section, Verdict, said
from ontogeny.store.directory import Directory
from ontogeny.store.files import write_json, write_text
from ontogeny.study import Use

MOST_SENTENCES = 20  # findings said one by one; more are gathered by what they are properties of
PROPERTIES = {
    "every seed": "True of every seed that the claim speaks of, and of what was published",
    "no seed": "True of no seed that the claim speaks of",
    "differs by seed": "Different from seed to seed",
    "our set-up": "The same in our seeds and not as published",
}
DEFAULT_VIEWS = ("loss_curves",)
MANY_RUNS = 80  # more than this are shown as means over seeds


def write_report(
    directory: Directory,
    stamp: str | None = None,
    format: Literal["html", "md"] = "html",
    out: Path | None = None,
) -> Path:
    """The report of a study, written whole: ``report/index.html`` or ``report/report.md``, or ``out`` with its figures beside it."""
    path = write(
        assemble(Store(directory)), directory, "index" if format == "html" else "report", format, out
    )
    if out is not None or format == "md":
        return path
    if stamp is None:
        study = directory.study()
        stamp = expect.expectations(study, expect.members_of(study, directory)).report
    write_json(
        directory.report / "report.json",
        {"fingerprint": stamp, "written": datetime.now(UTC).isoformat(timespec="seconds")},
    )
    return path


def write(
    document: Document,
    directory: Directory,
    stem: str,
    format: Literal["html", "md"] = "html",
    out: Path | None = None,
) -> Path:
    """A document as ``report/STEM.html`` or ``report/STEM.md``, or as ``out``; Markdown has its figures beside it."""
    path = out or directory.report / f"{stem}.{format}"
    write_text(
        path,
        html.render(document) if format == "html" else markdown.render(document, path.parent / path.stem),
    )
    return path


def assemble(store: Store) -> Document:
    """Everything the report says, from what is on disk."""
    study = store.study
    sections, answer = [], []
    recipe = [(s.heading, s.prose, s.views) for s in study.report] or [
        ("Training", "How did the runs learn?", tuple(Use(name=v) for v in DEFAULT_VIEWS))
    ]
    for heading, prose, views in recipe:
        figures, note = drawn(store, views)
        answer += [f.drawn.says for f in figures[:1] if f.drawn.says]
        sections.append(Section(heading, prose, figures, note=note))
    found = store.findings()
    return Document(
        title=study.title or study.name,
        question=study.question,
        answer=[*plain_words(found), *answer],
        sections=[*sections, runs_section(store)],
        provenance=provenance(store),
        made_by=f"ontogeny run {study.name}",
        verdicts=[as_verdict(f) for f in found],
    )


def drawn(store: Store, uses: Iterable[Use], whose: str = "") -> tuple[list[Figure], str]:
    """The figures, ``whose`` behind every caption, and a note on those that could not be drawn."""
    figures, missing = [], []
    for use in uses:
        title = use.label or registry.views[use.name].title
        try:
            figures.append(
                Figure(store.draw(use.name, **use.options), f"{title}{whose}", how_to_read(use.name))
            )
        except Exception as error:  # one figure that cannot be drawn must not cost the whole report
            if not isinstance(error, UserError):
                warnings.warn(f"The view '{use.name}' failed: {error!r}.", stacklevel=2)
            missing.append(f"“{title}” is not drawn: {error}")
    return figures, " ".join(missing)


def how_to_read(view: str) -> str:
    """The docstring of a view after its first sentence: what it shows and how it misleads."""
    text = (registry.views[view].function.__doc__ or "").strip()
    return "\n\n".join(" ".join(p.split()) for p in text.split("\n\n"))


def plain_words(findings: list[Finding]) -> list[str]:
    """What was found, claim by claim, and how many published claims hold."""
    judged = Counter(f.verdict for f in findings if f.published and f.verdict)
    words = [f"{n} {'is' if n == 1 else 'are'} “{verdict}”" for verdict, n in judged.items()]
    rows, chance = by_chance(f.verdict for f in findings)
    told = [f"Of {judged.total()} published claims, {', '.join(words)}."] if judged else []
    if chance >= 1:
        told.append(f"Of {rows} such rows about {chance:.0f} would be “not as published” by chance.")
    few = len(findings) <= MOST_SENTENCES
    return told + ([in_words(f) for f in findings] if few else by_property(findings))


def by_property(findings: list[Finding]) -> list[str]:
    """Many findings in a few paragraphs: which claims are true of every seed, which differ from seed to seed."""
    told = []
    for word, words in PROPERTIES.items():
        of = {f.claim: f.value for f in findings if f.property_of == word}
        if of:
            told.append(f"{words} ({len(of)}): {'; '.join(f'{c}: {said(v)}' for c, v in of.items())}.")
    return told


def in_words(f: Finding) -> str:
    """One finding as a sentence: the claim, the verdict or the interval, and why."""
    if f.verdict:
        return f"“{f.claim}” – {f.verdict}: {f.why}."
    interval = f" ({f.level:.0%} {f.interval_kind} interval: {said(f.interval)})" if f.interval else ""
    return f"{f.claim[:1].upper()}{f.claim[1:]}{interval}: {f.why}."


def as_verdict(f: Finding) -> Verdict:
    value = None if f.value != f.value else f.value
    told = [one.value for one in f.published] or None
    return Verdict(f.claim, told, value, f.interval, f.n or None, f.verdict, f.why, f.property_of)


def runs_section(store: Store) -> Section:
    """What was trained, in numbers: one row a run, or means over seeds where there are many."""
    table = store.main.runs()
    statuses = table["status"].value_counts().items() if len(table) else ()
    counts = ", ".join(f"{n} {status}" for status, n in statuses) or "none"
    if besides := len(store.entries()) - len(table):
        counts += f"; and {besides} besides, in which the sources of randomness vary apart"
    if left := len(store.besides.entries()) if store.chosen is None else 0:
        counts += f"; {left} of an earlier recipe left out"
    varied = [name for name in table.attrs.get("varied", []) if name != "seed"]
    if len(table) > MANY_RUNS and varied:
        grouped = table.groupby(varied, sort=True)
        numbers = grouped.mean(numeric_only=True).drop(columns=["seed", "checkpoints"], errors="ignore")
        shown = pd.concat([grouped.size().rename("runs"), numbers], axis=1).reset_index()
        return Section(
            "Runs", f"{len(table)} runs: {counts}. Means of the last logged metrics over seeds.", table=shown
        )
    shown = table.drop(columns=["checkpoints"], errors="ignore")
    return Section(
        "Runs", f"{len(table)} runs: {counts}. One row a run, with its last logged metrics.", table=shown
    )


def provenance(store: Store) -> dict[str, Any]:
    """Recipe, versions, machine: what someone needs to get the same again."""
    records = [e.record.get("provenance", {}) for e in store.entries()]
    first: dict[str, Any] = next((r for r in records if r.get("versions")), {})
    return {
        "study": store.study.name,
        "recipe": (store.directory.study_file).read_text(),
        "runs": len(records),
        "engines": sorted({r["engine"] for r in records if r.get("engine")}),
        "report written": datetime.now(UTC).isoformat(timespec="seconds"),
        "python": platform.python_version(),
        **first,
    }
