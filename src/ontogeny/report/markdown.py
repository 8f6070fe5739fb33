"""A document as Markdown: words and tables, and pictures where the machine can draw them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ontogeny.report.document import Document, Figure, Section, cells, paragraphs, said
from ontogeny.views.bindings import still

VERDICTS = ("claim", "published", "ours", "interval", "n", "verdict", "property_of", "why")


def render(document: Document, figures_dir: Path | None = None) -> str:
    """The text. With ``figures_dir``, figures are written there as PNG (this needs kaleido and a Chromium) and linked by a path
    relative to its parent; where that fails, one line says why and what each figure shows remains."""
    blocks = [f"# {document.title}", f"**Question.** {document.question}", "## Answer", *document.answer]
    if document.verdicts:
        names = [
            n for n in VERDICTS if n != "property_of" or any(one.property_of for one in document.verdicts)
        ]
        rows = [[said(getattr(one, name)) for name in names] for one in document.verdicts]
        blocks += ["## Claims and verdicts", pipe_table([name.replace("_", " ") for name in names], rows)]
    figures = [figure for section in document.sections for figure in section.figures]
    paths, problem = _pictures(figures, figures_dir)
    number = 0
    for section in document.sections:
        blocks += [f"## {section.heading}", *paragraphs(section.prose)]
        for figure in section.figures:
            number += 1
            blocks += _figure(figure, number, paths[number - 1] if paths else None)
        blocks += _rest(section)
    if figures and problem:
        blocks.insert(
            2, f"*Figures are left out here ({problem}); the sentence under each caption says what it shows.*"
        )
    if document.provenance:
        blocks += ["## Provenance", "\n".join(_listed(document.provenance))]
    return "\n\n".join([*blocks, f"*Made by {document.made_by}.*"]) + "\n"


def pipe_table(header: Sequence[str], rows: Sequence[Sequence[str]], numeric: Sequence[bool] = ()) -> str:
    """A table in GitHub's Markdown; bars and line breaks inside cells are escaped."""
    right = [*numeric, *[False] * (len(header) - len(numeric))]
    lines = [header, ["---:" if r else "---" for r in right], *rows]
    return "\n".join("| " + " | ".join(_cell(cell) for cell in line) + " |" for line in lines)


def _cell(text: str) -> str:
    return " ".join(text.replace("|", "\\|").split())


def _figure(figure: Figure, number: int, picture: str | None) -> list[str]:
    caption = f"**Figure {number}.** {figure.caption} {figure.drawn.says}".rstrip()
    image = [f"![{figure.caption}]({picture})"] if picture else []
    how = [f"*How to read it:* {' '.join(figure.how_to_read.split())}"] if figure.how_to_read else []
    return [*image, caption, *how]


def _rest(section: Section) -> list[str]:
    blocks = []
    if section.table is not None:
        blocks.append(pipe_table(*cells(section.table)))
    if section.note:
        blocks.append(f"*{section.note}*")
    return blocks


def _pictures(figures: Sequence[Figure], folder: Path | None) -> tuple[list[str], str | None]:
    """Relative paths of the pictures, or none and why. All are drawn by one browser: starting one takes longer than drawing."""
    if folder is None:
        return [], "no folder for them was given"
    if not figures:
        return [], None
    import plotly.io as pio

    names = [f"figure-{i}.png" for i in range(1, len(figures) + 1)]
    drawings = [still(figure.drawn).update_layout(width=1000) for figure in figures]
    folder.mkdir(parents=True, exist_ok=True)
    try:
        pio.write_images(drawings, [folder / name for name in names], scale=1.5)
    except (ImportError, ValueError, RuntimeError, OSError) as error:
        lines = str(error).strip().splitlines()
        return [], lines[0].strip(". :,") if lines else type(error).__name__
    return [f"{folder.name}/{name}" for name in names], None


def _listed(provenance: Mapping[str, Any], depth: int = 0) -> list[str]:
    lines = []
    for key, value in provenance.items():
        if isinstance(value, Mapping):
            lines += [f"{'  ' * depth}- {key}:", *_listed(value, depth + 1)]
        else:
            lines.append(f"{'  ' * depth}- {key}: {said(value)}")
    return lines
