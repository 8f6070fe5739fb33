"""The look of every figure: one Plotly template, three colour scales, and axis titles that come from the data.

White ground, thin grey axes, no decoration; text stays legible at phone width and in print. Categories use the palette of
Okabe and Ito (https://jfly.uni-koeln.de/color/), scales are monotone in lightness, so both survive colour blindness and a
black-and-white printer.
"""

from __future__ import annotations

import math
from typing import Any

import plotly.colors
import plotly.graph_objects as go
import plotly.io
import xarray as xr

from ontogeny.axes import AXES

PALETTE = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#4D4D4D")
INK, MUTED, RULE, GRID = "#1f2328", "#59636e", "#9aa4ae", "#e7eaee"
#: Shares and similarities: white is nothing, dark is all.
SEQUENTIAL = plotly.colors.make_colorscale(["#ffffff", *plotly.colors.sequential.YlGnBu[1:]])
#: Signed values around zero: blue below, white at zero, red above.
DIVERGING = plotly.colors.make_colorscale(plotly.colors.diverging.RdBu[::-1])
#: What varies in no order.
UNORDERED = ("seed", "init", "split", "order", "run")
#: Lines and dots by size, on white: dark is small; the pale end of viridis, which paper swallows, is cut off.
ORDERED = plotly.colors.make_colorscale(
    plotly.colors.sample_colorscale("Viridis", [0.88 * i / 8 for i in range(9)])
)
FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', Arial, sans-serif"

#: What an axis title calls the things that vary and the columns that are logged.
NAMES = {
    "d_hidden": "width of the bottleneck, d",
    "step": "optimiser updates",
    "task.step": "optimiser updates of the host",
    "epoch": "epoch",
    "p": "modulus, p",
    "d_model": "width of the model",
    "train_fraction": "share of the table trained on",
    "seed": "seed",
    "frequency": "frequency (cycles over the period)",
    "output": "output class (remainder)",
    "component": "eigenvalue, by decreasing magnitude",
    "k": "number of neighbours, k",
    "loss": "loss (nats)",
    "accuracy": "accuracy",
}
#: Short signs for labels, sliders and sentences.
SIGNS = {"d_hidden": "d"}

_AXIS = {
    "showline": True,
    "linecolor": RULE,
    "linewidth": 1,
    "ticks": "outside",
    "ticklen": 4,
    "tickcolor": RULE,
    "gridcolor": GRID,
    "zeroline": False,
    "automargin": True,
    "title": {"font": {"size": 13}, "standoff": 8},
}

TEMPLATE = go.layout.Template(
    layout={
        "font": {"family": FONT, "size": 12, "color": INK},
        "paper_bgcolor": "white",
        "plot_bgcolor": "white",
        "colorway": PALETTE,
        "colorscale": {"sequential": SEQUENTIAL, "diverging": DIVERGING},
        "xaxis": _AXIS,
        "yaxis": _AXIS,
        "margin": {"l": 48, "r": 14, "t": 36, "b": 44},
        "height": 420,
        "hovermode": "closest",
        "hoverlabel": {
            "bgcolor": "white",
            "bordercolor": RULE,
            "font": {"family": FONT, "size": 12, "color": INK},
        },
        "legend": {
            "orientation": "h",
            "x": 0,
            "xanchor": "left",
            "y": 1.02,
            "yanchor": "bottom",
            "font": {"size": 12},
            "itemwidth": 30,
        },
        "annotationdefaults": {"font": {"size": 12, "color": MUTED}, "showarrow": False},
        "dragmode": "zoom",
    },
    data={"scatter": [{"line": {"width": 2}, "marker": {"size": 6}}]},
)
plotly.io.templates["ontogeny"] = TEMPLATE


def name_of(what: str) -> str:
    """The words for a column or an axis: ``d_hidden`` → "width of the bottleneck, d"."""
    return NAMES.get(what) or AXES.get(what) or what.replace("_", " ")


def sign_of(what: str) -> str:
    """The short form for labels: ``d_hidden`` → "d"."""
    return SIGNS.get(what, what.rpartition(".")[2].replace("_", " "))


def title_of(array: xr.DataArray) -> str:
    """An axis title from what the array says of itself: ``long_name (units)``; a pure number shows no units."""
    name = array.attrs.get("long_name") or name_of(str(array.name))
    units = array.attrs.get("units", "1")
    return name if units in ("", "1") else f"{name} ({units})"


def log_ticks(low: float, high: float, most: int = 9) -> dict[str, Any]:
    """Ticks of a logarithmic axis from ``low`` to ``high`` in plain numbers: 1, 2, 5 a decade if there is room, else decades.

    Plotly's own ticks write exponents, or every digit of a decade, neither of which is legible on a phone.
    """
    decades = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    for digits in ((1, 2, 5), (1,)):
        values = [d * 10.0**e for e in decades for d in digits if low / 1.001 <= d * 10.0**e <= high * 1.001]
        if len(values) <= most:
            break
    values = values[:: 1 + len(values) // (most + 1)]
    return {"type": "log", "tickvals": values, "ticktext": [_plain_number(v) for v in values]}


def _plain_number(value: float) -> str:
    for size, letter in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if value >= size:
            return f"{value / size:g}{letter}"
    return f"{value:g}"


def share_of(count: int, total: int, things: str) -> str:
    """ "10 of 64 widths" with the noun in its right number."""
    return f"{count} of {total} {things if total != 1 else things.removesuffix('s')}"


def ordered_colour(position: float) -> str:
    """The colour of a line at ``position`` (0 to 1) of the ordered scale."""
    return str(plotly.colors.sample_colorscale(ORDERED, [min(max(position, 0.0), 1.0)])[0])


def apart(by: str, count: int) -> bool:
    """Whether values of a setting are names, each with a colour of its own: seeds are, which are numbers in no order."""
    return by in UNORDERED and 1 < count <= len(PALETTE)


def colours(by: str, count: int) -> list[str]:
    """A colour for each of the values of a setting, in their order."""
    if apart(by, count):
        return list(PALETTE[:count])
    return [ordered_colour(i / max(count - 1, 1)) for i in range(count)]


def faint(colour: str, alpha: float) -> str:
    """A palette colour made transparent."""
    red, green, blue = plotly.colors.hex_to_rgb(colour)
    return f"rgba({red},{green},{blue},{alpha})"


def colourbar(title: str, **more: Any) -> dict[str, Any]:
    """A thin horizontal bar that stands above its panel, with its title on top."""
    return {
        "orientation": "h",
        "thickness": 9,
        "outlinewidth": 0.5,
        "outlinecolor": RULE,
        "ticks": "outside",
        "ticklen": 3,
        "tickcolor": RULE,
        "tickfont": {"size": 11},
        "nticks": 6,
        "title": {"text": title, "side": "top", "font": {"size": 12}},
        "x": 0.5,
        "xanchor": "center",
        "y": 1.0,
        "yanchor": "bottom",
        "len": 1.0,
        "xpad": 0,
        "ypad": 6,
        **more,
    }
