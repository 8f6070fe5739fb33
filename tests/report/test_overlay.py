"""Pictures of several runs: over one another where they can be, one after the other where they cannot."""

from __future__ import annotations

import plotly.graph_objects as go

from ontogeny.report.chosen import beside
from ontogeny.report.document import Figure
from ontogeny.report.overlay import overlay
from ontogeny.views.base import Drawn
from ontogeny.views.panels import panels
from ontogeny.views.theme import PALETTE, apart, colours


def lines(*names: str, top: float = 1.0, **trace: object) -> Drawn:
    fig = panels(1)
    for name in names:
        fig.add_scatter(x=[0, 1], y=[0, top], mode="lines", name=name, **trace)
    fig.update_yaxes(range=[0, top], tickvals=[0, top], ticktext=["0", f"{top:g}"], title_text="share")
    fig.add_annotation(text="chance", x=0, y=0)
    fig.add_annotation(text=f"its own, {top:g}", x=0, y=top)
    return Drawn(fig, says=f"it ends at {top:g}.")


def test_a_colour_is_a_run_and_a_dash_is_a_line() -> None:
    drawn = overlay({"seed=0": lines("train", "test"), "seed=1": lines("train", "test", top=3)})
    assert drawn is not None
    told = [(t.name, t.line.color, t.line.dash, list(t.y)) for t in drawn.figure.data]
    assert told == [
        ("seed=0: train", PALETTE[0], "solid", [0, 1]),
        ("seed=0: test", PALETTE[0], "dash", [0, 1]),
        ("seed=1: train", PALETTE[1], "solid", [0, 3]),
        ("seed=1: test", PALETTE[1], "dash", [0, 3]),
    ]
    assert list(drawn.figure.layout.yaxis.range) == [0, 3]
    assert list(drawn.figure.layout.yaxis.tickvals) == [0, 1, 3]
    assert [one.text for one in drawn.figure.layout.annotations] == ["chance"]
    assert drawn.says == "seed=0: it ends at 1; seed=1: it ends at 3."


def test_what_cannot_lie_over_one_another_stays_apart() -> None:
    heat = Drawn(go.Figure(go.Heatmap(z=[[1, 2]])))
    coloured = Drawn(go.Figure(go.Scatter(y=[1, 2], mode="markers", marker={"color": [0.1, 0.2]})))
    many = lines(*"abcdefg")
    for one in (heat, coloured, many):
        assert overlay({"seed=0": one, "seed=1": one}) is None
    assert overlay({"seed=0": lines("a"), "seed=1": heat}) is None


def test_a_report_shows_one_picture_where_it_showed_one_a_run() -> None:
    def of(name: str, drawn: Drawn) -> Figure:
        return Figure(drawn, f"Curves – {name}")

    heat = Drawn(go.Figure(go.Heatmap(z=[[1, 2]])))
    each = {n: [of(n, lines("loss")), of(n, heat)] for n in ("seed=0", "seed=1")}
    assert [f.caption for f in beside(each)] == ["Curves", "Curves – seed=0", "Curves – seed=1"]
    assert beside({"seed=0": each["seed=0"]}) == each["seed=0"]


def test_seeds_have_colours_of_their_own_and_quantities_a_scale() -> None:
    assert colours("seed", 3) == list(PALETTE[:3]) and apart("seed", 3)
    assert colours("weight_decay", 3) != colours("seed", 3)
    assert not apart("seed", 64) and not apart("seed", 1)
