"""Final accuracy against what varied, beside the published table."""

from __future__ import annotations

import numpy as np
import pandas as pd

from ontogeny.views.base import Drawn, view
from ontogeny.views.light import light
from ontogeny.views.order import column
from ontogeny.views.panels import panels
from ontogeny.views.theme import MUTED, PALETTE, RULE, name_of, share_of, sign_of

#: Accuracies that get a label on the error axis.
LABELLED = (0.0, 0.5, 0.9, 0.95, 0.99, 0.995, 0.999, 0.9995, 0.9999)


@view(reads=("runs", "published"), title="Accuracy by width")
def accuracy_by_width(
    runs: pd.DataFrame,
    published: pd.DataFrame | None = None,
    *,
    by: str = "",
    metric: str = "validation_accuracy",
) -> Drawn:
    """What accuracy does each width end at, and does it agree with what was published?

    One dot a seed, a line through their mean. The axis is the error, 1 − accuracy, on a logarithmic scale and upside down: each
    factor of ten fewer errors is one step up, so .99 and .999 are as far apart as .9 and .99. Runs without a single error have
    no logarithm and stand on the line "100 %". Near the top one step can be a single example.
    """
    frame = pd.DataFrame({"width": column(runs, by), "accuracy": column(runs, metric)})
    frame["run"] = column(runs, "run").astype(str)
    frame["status"] = column(runs, "status") if "status" in runs else ""
    frame = frame.dropna(subset=["accuracy"]).sort_values("width", kind="stable")
    told = None if published is None else published.dropna(subset=["validation_accuracy"])
    seen = [frame["accuracy"]] + ([] if told is None else [told["validation_accuracy"]])
    errors = 1 - pd.concat(seen).to_numpy(dtype=float)
    smallest = float(errors[errors > 1e-9].min()) if (errors > 1e-9).any() else 1e-2
    perfect = smallest / 3

    def placed(accuracy: pd.Series) -> np.ndarray:
        """The error; for none at all, the line above the smallest."""
        error = 1 - accuracy.to_numpy(dtype=float)
        return light(np.where(error > 1e-9, error, perfect))

    fig = panels(1, height=460)
    mean = frame.groupby("width")["accuracy"].mean()
    several = len(mean) < len(frame)
    fig.add_scatter(
        x=mean.index.to_numpy(),
        y=placed(mean),
        customdata=light(mean),
        mode="lines",
        name="mean of the seeds" if several else "this study",
        line={"color": PALETTE[0], "width": 1.5},
        opacity=0.6,
        hoverinfo="skip",
        showlegend=several,
    )
    if told is not None:
        fig.add_scatter(
            x=told[by].to_numpy(),
            y=placed(told["validation_accuracy"]),
            customdata=light(told["validation_accuracy"]),
            mode="markers",
            name="published (one seed)",
            marker={
                "symbol": "diamond-open",
                "size": 8,
                "color": PALETTE[1],
                "line": {"width": 1.4, "color": PALETTE[1]},
            },
            hovertemplate=f"published, {sign_of(by)} = %{{x}}<br>accuracy %{{customdata:.4g}}<extra></extra>",
        )
    fig.add_scatter(
        x=frame["width"].to_numpy(),
        y=placed(frame["accuracy"]),
        customdata=light(frame["accuracy"]),
        text=[
            f"{run} ({status})" if status else run
            for run, status in zip(frame["run"], frame["status"], strict=True)
        ],
        mode="markers",
        name="one seed" if several else "this study (one seed)",
        marker={
            "size": 7,
            "color": PALETTE[0],
            "line": {"width": 0.8, "color": "white"},
            "symbol": np.where(frame["status"] == "diverged", "x", "circle").tolist(),
        },
        hovertemplate=f"<b>%{{text}}</b><br>{sign_of(by)} = %{{x}}<br>accuracy %{{customdata:.4g}}<extra></extra>",
    )
    labelled = [a for a in LABELLED if 1 - a >= smallest * 0.9]
    fig.update_yaxes(
        type="log",
        range=[np.log10(1.15), np.log10(perfect / 1.4)],
        tickvals=[perfect, *(1 - a for a in labelled)],
        ticktext=["100 %", *(f"{100 * a:.4g} %" for a in labelled)],
        title_text=name_of(metric),
    )
    fig.update_xaxes(title_text=name_of(by))
    fig.add_hline(y=perfect, line={"color": RULE, "width": 1, "dash": "dot"}, layer="below")
    fig.update_layout(legend={"font": {"color": MUTED}})
    return Drawn(fig, says=_says(frame, told, by))


def _says(frame: pd.DataFrame, told: pd.DataFrame | None, by: str) -> str:
    reached = frame.loc[frame["accuracy"] >= 1.0, "width"]
    widths, total = sorted(reached.unique()), frame["width"].nunique()
    text = f"{share_of(len(widths), total, 'widths')} reached 100 %"
    if len(frame) > total:
        text += " with at least one seed"
    text += f"; the narrowest is {widths[0]}." if widths else "."
    if told is not None:
        theirs = told.loc[told["validation_accuracy"] >= 1.0, by]
        text += f" Published: {share_of(len(theirs), len(told), 'widths')}"
        text += f", the narrowest {theirs.min()}." if len(theirs) else "."
    return text
