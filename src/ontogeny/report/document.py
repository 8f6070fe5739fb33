"""What a report says, before it becomes a page: answer, picture, judged claims, sections of figures and tables, provenance.

Renderers (:mod:`ontogeny.report.html`, :mod:`ontogeny.report.markdown`) show what they are handed and compute nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pandas as pd

from ontogeny.report.words import plain
from ontogeny.views.base import Drawn

FEW = 12  # rows of a table that a reader reads; the rest folds


@dataclass(frozen=True)
class Figure:
    """A picture with what it shows (``caption``) and how to read it, misreadings included."""

    drawn: Drawn
    caption: str
    how_to_read: str = ""


@dataclass(frozen=True)
class Section:
    """A heading, prose (blank lines part paragraphs), figures of which those after the first ``shown`` fold, a table, a note
    under them."""

    heading: str
    prose: str = ""
    figures: list[Figure] = field(default_factory=list)
    table: pd.DataFrame | None = None
    note: str = ""
    shown: int = 1_000


@dataclass(frozen=True)
class Row:
    """A claim beside our evidence, in words. ``tone`` colours the verdict: yes, no, mixed, open, plain."""

    claim: str
    ours: str = ""
    interval: str = ""
    interval_of: str = ""  # what lies in it
    published: str = ""
    sign: str = ""  # before the verdict, for who cannot tell its colour
    verdict: str = ""
    tone: str = "plain"
    why: tuple[str, ...] = ()
    whom: str = ""  # which seeds it speaks of
    decided: tuple[str, ...] = ()  # what was chosen after looking
    main: bool = True  # shown before the rest is asked for


@dataclass(frozen=True)
class Topic:
    """A question, the rows that answer it, and of which seeds they all speak."""

    question: str
    rows: list[Row]
    whom: str = ""

    @property
    def first(self) -> list[Row]:
        return [one for one in self.rows if one.main]


@dataclass(frozen=True)
class Document:
    """A whole report. ``answer`` holds one sentence an item; ``files`` are texts to be had beside it, by name; ``provenance``
    may be nested."""

    title: str
    question: str
    answer: list[str]
    sections: list[Section] = field(default_factory=list)
    provenance: Mapping[str, Any] = field(default_factory=dict)
    made_by: str = "ontogeny"
    picture: Figure | None = None
    topics: list[Topic] = field(default_factory=list)
    trust: list[str] = field(default_factory=list)  # how far the verdicts can be trusted, a sentence an item
    files: Mapping[str, str] = field(default_factory=dict)

    @property
    def figures(self) -> list[Figure]:
        """All of them, in the order of the page."""
        return [
            *([self.picture] if self.picture else []),
            *(f for section in self.sections for f in section.figures),
        ]

    @property
    def notes(self) -> dict[str, int]:
        """What was chosen after looking → its number under the table."""
        told = [one for topic in self.topics for row in topic.rows for one in row.decided]
        return {one: i for i, one in enumerate(dict.fromkeys(told), 1)}


def said(value: Any) -> str:
    """A value as a reader wants it: four digits, an interval with its two ends, a dash for what is not known."""
    if value is None or (isinstance(value, float) and value != value):
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int | float) or hasattr(value, "dtype"):
        number = float(value)
        return f"{number:,.0f}" if number.is_integer() and abs(number) >= 1e4 else f"{number:.4g}"
    if isinstance(value, tuple | list) and len(value) == 2 and all(isinstance(v, int | float) for v in value):
        return f"{said(value[0])} to {said(value[1])}"
    if isinstance(value, tuple | list | set | frozenset):
        return ", ".join(said(one) for one in value)
    return str(value)


def paragraphs(prose: str) -> list[str]:
    """Prose parted at blank lines, line breaks inside a paragraph undone."""
    return [" ".join(one.split()) for one in prose.split("\n\n") if one.strip()]


def cells(table: pd.DataFrame) -> tuple[list[str], list[list[str]], list[bool]]:
    """Header, rows as texts, and which columns are numbers (those stand flush right)."""
    if any(name is not None for name in table.index.names):
        table = table.reset_index()
    numeric = [pd.api.types.is_numeric_dtype(kind) for kind in table.dtypes]
    rows = [
        ["–" if _missing(v) else said(v) for v in row] for row in table.itertuples(index=False, name=None)
    ]
    return [plain(str(name)).replace("_", " ") for name in table.columns], rows, numeric


def _missing(value: Any) -> bool:
    return bool(pd.isna(value)) if pd.api.types.is_scalar(value) else False
