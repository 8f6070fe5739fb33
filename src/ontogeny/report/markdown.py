"""A document as Markdown: words and tables, and pictures where the machine can draw them. Names and labels come out as they are read, never as markup."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ontogeny.report.document import FEW, Document, Figure, Row, Section, Topic, cells, paragraphs, said
from ontogeny.report.photograph import photograph
from ontogeny.store.files import write_text
from ontogeny.views.bindings import still

MARKUP = re.compile(r"([\\`*_\[\]<>])|^([#+-]|\d+(?=[.)]\s))(?=[\s.)])", re.MULTILINE)
WIDTH = 1000  # of a picture, in pixels
FIRST = 4  # pictures shown; the others are a click away


def render(document: Document, folder: Path | None = None) -> str:
    """The text. With ``folder``, figures are written there as PNG (this needs kaleido and a Chromium) and the document's files beside them,
    all linked by paths relative to its parent; where drawing fails, one line says why and what each figure shows remains."""
    figures = document.figures
    paths, problem = _pictures(figures, folder)
    told = [(one, i, paths[i - 1] if paths else None) for i, one in enumerate(figures, 1)]
    blocks = [f"# {plain(document.title)}", *(plain(p) for p in paragraphs(document.question))]
    if figures and problem:
        blocks.append(
            f"*Figures are left out here ({plain(problem)}); the sentence under each caption says what it shows.*"
        )
    if document.answer:
        blocks += ["## Answer", *(plain(one) for one in document.answer)]
    if document.picture:
        blocks += _figure(*told.pop(0))
    if document.topics:
        blocks += _verdicts(document)
    shown = 1 if document.picture else 0
    for section in document.sections:
        mine, told = told[: len(section.figures)], told[len(section.figures) :]
        now = (
            min(len(mine), section.shown, max(0, FIRST - shown))
            if section.shown == 1
            else min(len(mine), section.shown)
        )
        shown += now
        blocks += [f"## {plain(section.heading)}", *(plain(p) for p in paragraphs(section.prose))]
        for one in mine[:now]:
            blocks += _figure(*one)
        if mine[now:]:
            blocks.append("\n".join(_linked(*one) for one in mine[now:]))
        blocks += _rest(section)
    return "\n\n".join([*blocks, *_end(document, folder)]) + "\n"


def plain(text: str) -> str:
    """Text that stays text in GitHub's Markdown: what would be markup is escaped."""
    return MARKUP.sub(lambda m: f"\\{m.group(1)}" if m.group(1) else _kept(m.group(2)), text)


def _kept(start: str) -> str:
    """A line's beginning that would make it a list or a heading."""
    return f"{start}\\" if start.isdigit() else f"\\{start}"


def pipe_table(header: Sequence[str], rows: Sequence[Sequence[str]], numeric: Sequence[bool] = ()) -> str:
    """A table in GitHub's Markdown; bars, line breaks and markup inside cells are escaped."""
    right = [*numeric, *[False] * (len(header) - len(numeric))]
    lines = [
        [_cell(c) for c in header],
        ["---:" if r else "---" for r in right],
        *([_cell(c) for c in row] for row in rows),
    ]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def folded(summary: str, *blocks: str) -> str:
    """What a reader asks for: a heading that opens."""
    text = summary.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return "\n\n".join([f"<details><summary>{text}</summary>", *blocks, "</details>"])


def _cell(text: str) -> str:
    return " ".join(plain(text).replace("|", "\\|").split())


def _verdicts(document: Document) -> list[str]:
    notes, rows = document.notes, [(topic, row) for topic in document.topics for row in topic.rows]
    blocks = ["## What was asked, and what was found"]
    lines = []
    for topic in document.topics:
        whom = f" – {_cell(topic.whom)}" if topic.whom else ""
        lines.append(f"| **{_cell(topic.question or 'Claims')}**{whom} | | | |")
        few = [
            [_claim(r, notes), _ours(r), r.published or "–", f"{r.sign} {r.verdict}".strip() or "–"]
            for r in topic.first
        ]
        lines += pipe_table((), few).splitlines()[2:]
    blocks.append("\n".join([pipe_table(("claim", "ours", "published", "verdict"), ()), *lines]))
    blocks += ["\n".join(f"{number}. {plain(one)}" for one, number in notes.items())] if notes else []
    blocks += [plain(one) for one in document.trust]
    every = [_whole(topic, row, notes) for topic, row in rows]
    header = ("claim", "ours", "interval", "published", "verdict", "why")
    return [*blocks, folded(f"All {len(rows)} rows, with intervals and reasons", pipe_table(header, every))]


def _claim(row: Row, notes: Mapping[str, int]) -> str:
    whom = f" – {row.whom}" if row.whom else ""
    marks = ", ".join(str(notes[one]) for one in row.decided)
    return f"{row.claim}{whom}{f' (chosen after looking: {marks})' if marks else ''}"


def _ours(row: Row) -> str:
    return f"{row.ours} ({row.interval})" if row.interval else row.ours


def _whole(topic: Topic, row: Row, notes: Mapping[str, int]) -> list[str]:
    interval = f"{row.interval}, {row.interval_of}" if row.interval else "–"
    return [
        _claim(row, notes),
        row.ours,
        interval,
        row.published or "–",
        f"{row.sign} {row.verdict}".strip() or "–",
        " ".join(row.why),
    ]


def _figure(figure: Figure, number: int, picture: str | None) -> list[str]:
    caption = f"**Figure {number}.** {plain(figure.caption)}. {plain(figure.drawn.says)}".rstrip().replace(
        "?.", "?"
    )
    image = [f"![{plain(figure.caption)}]({picture})"] if picture else []
    how = (
        [folded("How to read it", *(plain(p) for p in paragraphs(figure.how_to_read)))]
        if figure.how_to_read
        else []
    )
    return [*image, caption, *how]


def _linked(figure: Figure, number: int, picture: str | None) -> str:
    name = (
        f"[Figure {number}. {plain(figure.caption)}]({picture})"
        if picture
        else f"Figure {number}. {plain(figure.caption)}"
    )
    return f"- {name}. {plain(figure.drawn.says)}".rstrip()


def _rest(section: Section) -> list[str]:
    blocks = []
    if section.table is not None:
        header, rows, numeric = cells(section.table)
        blocks.append(pipe_table(header, rows[:FEW], numeric))
        if len(rows) > FEW:
            blocks.append(
                f"*The first {FEW} of {len(rows)} rows; all of them are in the data at the end of the page.*"
            )
    if section.note:
        blocks.append(f"*{plain(section.note)}*")
    return blocks


def _end(document: Document, folder: Path | None) -> list[str]:
    blocks = []
    if folder is not None and document.files:
        for name, text in document.files.items():
            write_text(folder / name, text)
        blocks.append(
            f"To take away: {', '.join(f'[{name}]({folder.name}/{name})' for name in document.files)}."
        )
    if document.provenance:
        blocks.append(folded("Versions and machine", "\n".join(_listed(document.provenance))))
    return [*blocks, f"*Made by {plain(document.made_by)}.*"]


def _pictures(figures: Sequence[Figure], folder: Path | None) -> tuple[list[str], str | None]:
    """Relative paths of the pictures, or none and why."""
    if folder is None:
        return [], "no folder for them was given"
    if not figures:
        return [], None
    names = [f"figure-{i}.png" for i in range(1, len(figures) + 1)]
    folder.mkdir(parents=True, exist_ok=True)
    drawings = {folder / name: _on_paper(figure) for name, figure in zip(names, figures, strict=True)}
    if problem := photograph(drawings):
        return [], problem
    for old in folder.glob("figure-*.png"):  # of a page that had more of them
        if old.name not in names:
            old.unlink()
    return [f"{folder.name}/{name}" for name in names], None


def _on_paper(figure: Figure) -> Any:
    """The figure where its cursor begins, a thousand pixels wide; square panels stay square, as on the page."""
    fig = still(figure.drawn).update_layout(width=WIDTH)
    meta = fig.layout.meta if isinstance(fig.layout.meta, dict) else {}
    if columns := meta.get("square"):
        side = (WIDTH - 62) / columns * (0.92 if columns > 1 else 1)
        fig.update_layout(height=min(side, 700) + meta["over"] + meta["under"] + 8)
    return fig


def _listed(provenance: Mapping[str, Any]) -> list[str]:
    return [f"- {plain(str(key))}: {plain(_flat(value))}" for key, value in provenance.items()]


def _flat(value: Any) -> str:
    """A table of settings on one line."""
    return (
        "; ".join(f"{k}: {_flat(v)}" for k, v in value.items()) if isinstance(value, Mapping) else said(value)
    )
