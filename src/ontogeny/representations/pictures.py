"""Which pictures there are of a comparison, and what each is handed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import xarray as xr

from ontogeny.errors import UnknownName, UserError

if TYPE_CHECKING:
    from ontogeny.representations.result import Comparison
    from ontogeny.views.base import Drawn

WHEN = {
    "matched_units": "Units are matched where two arrays are compared with align='hungarian', for example.",
    "similarity_heatmap": "A heatmap of runs takes all pairs of three arrays or more: on.compare({…}).",
    "similarity_map": "A map takes all pairs of three arrays or more: on.compare({…}).",
}


def functions() -> dict[str, Callable[..., Drawn]]:
    from ontogeny import registry
    from ontogeny.views.matched_units import matched_units
    from ontogeny.views.number_line import number_line
    from ontogeny.views.pair_grid import pair_grid

    runs = {name: registry.views[name].function for name in ("similarity_heatmap", "similarity_map")}
    return {
        "number_line": number_line,
        "pair_grid": pair_grid,
        "matched_units": matched_units,
        **runs,
    }


def of(result: Comparison) -> tuple[str, ...]:
    """The pictures that there are, the first of them first shown."""
    first, second = result.data.sizes["first"], result.data.sizes["second"]
    if first == second == 1:
        return ("number_line", *(["matched_units"] if result.units is not None else []))
    grid = ("pair_grid", "number_line")
    return (*grid, "similarity_heatmap", "similarity_map") if result.square and first > 2 else grid


def draw(
    result: Comparison, picture: str, measure: str, first: str, second: str, options: Mapping[str, Any]
) -> Drawn:
    known = of(result)
    picture = picture or known[0]
    if picture not in known:
        why = f" {WHEN[picture]}" if picture in WHEN else ""
        raise UserError(
            f"There is no picture '{picture}' of this comparison; there is {', '.join(known)}.{why}"
        )
    function = functions()[picture]
    if picture == "number_line":
        return function(_pair(result.data, first, second), **options)
    if picture == "matched_units":
        return function(result.units, **options)
    one = _measure(result, measure)
    return function(one, **options) if picture == "pair_grid" else _of_runs(picture, one, options)


def _pair(data: xr.Dataset, first: str, second: str) -> xr.Dataset:
    """(measure, null) of one pair."""
    for axis, name in (("first", first), ("second", second)):
        names = [str(n) for n in data[axis].values]
        if not name and len(names) > 1:
            raise UserError(
                f"A number line shows one pair; say which with {axis}=…: {', '.join(names[:24])}."
            )
        name = name or names[0]
        if name not in names:
            raise UnknownName(f"array on the {axis} side", name, names)
        data = data.isel({axis: names.index(name)})
    return data.drop_vars("draws")


def _measure(result: Comparison, measure: str) -> xr.Dataset:
    """(first, second): value, and the largest p of all nulls, corrected for the size of the grid."""
    one = result[measure or str(result.data["measure"].values[0])]
    said = {
        "long_name": str(one["label"].item()),
        **{k: str(one[k].item()) for k in ("units", "kind")},
    }
    data = one["value"].assign_attrs(said).drop_vars(["n", "d", "e"]).to_dataset(name="value")
    if one.sizes["null"] and one["p"].notnull().any():
        data["p"] = one["p_adjusted"].fillna(one["p"]).max("null")
    for axis, words in (("first", "the first"), ("second", "the second")):
        data[axis].attrs["long_name"] = " " if result.square else words
    return data


def _of_runs(picture: str, one: xr.Dataset, options: Mapping[str, Any]) -> Drawn:
    from ontogeny import registry
    from ontogeny.comparing.arranged import arranged

    view = registry.views[picture]
    given = {"by": "run", **options}
    data = one[["value"]].rename(first="run", second="run_other")
    drawn: Drawn = view(measure=arranged(data, view.options(given)[view.arranged]), **given)
    return drawn
