"""The same picture of several runs as one, where their lines can lie over one another."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import plotly.graph_objects as go

from ontogeny.views.base import Drawn
from ontogeny.views.bindings import still
from ontogeny.views.theme import PALETTE

DASHES = ("solid", "dash", "dot", "dashdot")  # more lines of one run than this cannot be told apart
SYMBOLS = ("circle", "square", "diamond", "x")


def overlay(by_run: Mapping[str, Drawn]) -> Drawn | None:
    """One picture of several runs (name → theirs): a colour a run, a dash a line. None where that cannot be read: maps, bars, lines that
    have colours of their own, many lines a run, or panels that differ."""
    figures = {name: still(drawn) for name, drawn in by_run.items()}
    first = next(iter(figures.values()))
    if len(figures) > len(PALETTE) or any(_panels(fig) != _panels(first) for fig in figures.values()):
        return None
    if not all(_line(trace) for fig in figures.values() for trace in fig.data):
        return None
    marks = {
        mark: i for i, mark in enumerate(dict.fromkeys(_mark(t) for f in figures.values() for t in f.data))
    }
    if not 0 < len(marks) <= len(DASHES):
        return None
    together = go.Figure(layout=first.layout)
    _widen(together, list(figures.values()))
    for colour, (name, fig) in zip(PALETTE, figures.items(), strict=False):
        shown: set[str] = set()
        for trace in fig.data:
            mark = _mark(trace)
            called = f"{name}: {mark}" if len(marks) > 1 and mark else name
            one = go.Scatter(trace).update(
                name=called, legendgroup=called, showlegend=called not in shown,
                line={"color": colour, "dash": DASHES[marks[mark]]},
                marker={"color": colour, "symbol": SYMBOLS[marks[mark]]},
            )  # fmt: skip
            shown.add(called)
            together.add_trace(one)
    together.update_layout(showlegend=True)
    said = [f"{name}: {drawn.says.rstrip('.')}" for name, drawn in by_run.items() if drawn.says]
    return Drawn(together, says="; ".join(said) + "." if said else "")


def _panels(fig: go.Figure) -> list[tuple[str, str, str]]:
    """Every axis with its kind and title."""
    axes = sorted(name for name in fig.layout if name.startswith(("xaxis", "yaxis")))
    return [(name, str(fig.layout[name].type), str(fig.layout[name].title.text)) for name in axes]


def _line(trace: Any) -> bool:
    """Whether it may take another colour: a line or dots with one colour that says nothing by itself."""
    plain = trace.type == "scatter" and trace.fill in (None, "none") and "text" not in (trace.mode or "")
    return plain and all(isinstance(c, str | None) for c in (trace.marker.color, trace.line.color))


def _mark(trace: Any) -> str:
    return str(trace.name or "")


def _widen(together: go.Figure, figures: list[go.Figure]) -> None:
    """Axes that hold what each of them holds; annotations and lines that are the same in all."""
    for name in (axis for axis, *_ in _panels(together)):
        ranges = [fig.layout[name].range for fig in figures]
        if all(ranges):
            ends = [end for one in ranges for end in one]
            falls = ranges[0][0] > ranges[0][1]
            together.layout[name].range = [max(ends), min(ends)] if falls else [min(ends), max(ends)]
        ticks = {
            at: text
            for fig in figures
            for at, text in zip(
                fig.layout[name].tickvals or (), fig.layout[name].ticktext or (), strict=False
            )
        }
        if ticks:
            together.layout[name].update(tickvals=sorted(ticks), ticktext=[ticks[at] for at in sorted(ticks)])
    for kind in ("annotations", "shapes"):
        in_all = [one for one in together.layout[kind] if all(one in fig.layout[kind] for fig in figures)]
        together.layout[kind] = in_all
