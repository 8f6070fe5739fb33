"""What a comparison says: one labelled object, as a table for a paper, a data frame or a page of a notebook."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import xarray as xr

from ontogeny.errors import UnknownName
from ontogeny.representations import pictures

if TYPE_CHECKING:
    import pandas as pd

    from ontogeny.views.base import Drawn

Format = Literal["markdown", "html", "latex", "text"]

COLUMNS = {
    "value": "what the measure says",
    "low": "interval of the value",
    "high": "interval of the value",
    "reverse": "an asymmetric measure the other way round",
    "null_mean": "what chance says",
    "null_sd": "spread of chance",
    "ceiling": "the same model with another seed",
    "ceiling_sd": "its spread over seeds, of two or more",
    "above_chance": "0 at the null's mean, 1 at the ceiling, or at identity where there is none",
    "z": "distance from chance in SD of chance, positive: more alike",
    "p": "(1 + #{null as alike})/(1 + draws)",
    "p_adjusted": "the same within the family of all cells",
    "k": "directions kept of the first",
    "k_other": "directions kept of the second",
}


@dataclass(frozen=True, repr=False)
class Comparison:
    """``data``: (measure, first, second[, null[, draw]]) with everything; ``warnings``: what to know before it is believed."""

    data: xr.Dataset
    warnings: tuple[str, ...] = ()
    square: bool = False  # all pairs of one side
    units: xr.Dataset | None = None  # of two that were aligned by matching: the pairs of units

    def __getitem__(self, measure: str) -> xr.Dataset:
        names = [str(m) for m in self.data["measure"].values]
        if measure not in names:
            raise UnknownName("measure in this comparison", measure, names)
        return self.data.sel(measure=measure)

    @property
    def value(self) -> xr.DataArray:
        return self.data["value"]

    def to_dataframe(self) -> pd.DataFrame:
        """One row for each pair, measure and null: value, interval, null, z, p, n, d, e and what was kept."""
        wide = self.data.drop_vars("draws")
        if not wide.sizes["null"]:
            wide = (
                wide.drop_dims("null")
                .expand_dims(null=["none"])
                .assign(
                    {
                        name: ("null", [np.nan])
                        for name in ("null_mean", "null_sd", "z", "p", "p_adjusted", "above_chance")
                    }
                )
            )
        order = ["first", "second", "measure", "null"]
        table = wide[[*(c for c in COLUMNS if c in wide)]].to_dataframe(dim_order=order).reset_index()
        alike = (table["first"] == table["second"]) & table["low"].isna() & table["p"].isna()
        table = table[~alike | (wide.sizes["first"] * wide.sizes["second"] == 1)]
        front = [*order, "kind", "better", "n", "d", "e", *(c for c in COLUMNS if c in table)]
        return table[front].reset_index(drop=True)

    def table(self, format: Format = "markdown") -> str:
        """A table for a paper: one row a pair and measure, its nulls side by side."""
        from ontogeny.representations.rendering import render

        return render(self, format)

    @property
    def pictures(self) -> tuple[str, ...]:
        """The pictures that there are of this comparison, the first of them first shown."""
        return pictures.of(self)

    def draw(
        self, picture: str = "", *, measure: str = "", first: str = "", second: str = "", **options: Any
    ) -> Drawn:
        """A picture with the sentence it says: "number_line" (all measures of one pair; ``first`` and ``second`` name it), "pair_grid" (all pairs, by
        one ``measure``), "matched_units" (one pair, aligned by matching); of all pairs of one side "similarity_heatmap" (``order="clustered"``
        for a tree) and "similarity_map" (``on="umap"``) besides."""
        return pictures.draw(self, picture, measure, first, second, options)

    def view(self, picture: str = "", **options: Any) -> Any:
        """The same as a Plotly figure."""
        return self.draw(picture, **options).figure

    def save(self, path: str | Path) -> Path:
        """By the ending: .md, .html and .tex hold the table, .csv the data frame, .nc everything (xarray)."""
        from ontogeny.representations.rendering import save

        return save(self, Path(path))

    def __repr__(self) -> str:
        return self.table("text")

    def _repr_html_(self) -> str:
        return self.table("html")

    def _repr_markdown_(self) -> str:
        return self.table("markdown")
