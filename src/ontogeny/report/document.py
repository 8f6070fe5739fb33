"""What a report says, before it becomes a page: question, answer, verdicts, sections of figures and tables, provenance.

Renderers (:mod:`ontogeny.report.html`, :mod:`ontogeny.report.markdown`) show what they are handed and compute nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pandas as pd

from ontogeny.views.base import Drawn


@dataclass(frozen=True)
class Figure:
    """A picture with what it shows (``caption``) and how to read it, misreadings included."""

    drawn: Drawn
    caption: str
    how_to_read: str = ""


@dataclass(frozen=True)
class Section:
    """A heading, prose (blank lines part paragraphs), figures, a table, and a note under them."""

    heading: str
    prose: str = ""
    figures: list[Figure] = field(default_factory=list)
    table: pd.DataFrame | None = None
    note: str = ""


@dataclass(frozen=True)
class Verdict:
    """A claim made elsewhere beside our evidence. Values are numbers or the words for them; None is "not known"."""

    claim: str
    published: Any = None
    ours: Any = None
    interval: tuple[float, float] | str | None = None
    n: int | None = None
    verdict: str = "cannot tell"
    why: str = ""
    property_of: str = ""  # the task, the seed, the set-up


@dataclass(frozen=True)
class Document:
    """A whole report. ``answer`` holds one paragraph an item; ``provenance`` may be nested."""

    title: str
    question: str
    answer: list[str]
    sections: list[Section] = field(default_factory=list)
    provenance: Mapping[str, Any] = field(default_factory=dict)
    made_by: str = "ontogeny"
    verdicts: list[Verdict] = field(default_factory=list)


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
    return [str(name).replace("_", " ") for name in table.columns], rows, numeric


def _missing(value: Any) -> bool:
    return bool(pd.isna(value)) if pd.api.types.is_scalar(value) else False
