"""One measure over a grid of pairs, judged against what chance says: (first, second) of values, (first, second, null) of verdicts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import xarray as xr

from ontogeny.measures.base import Measure
from ontogeny.numerics.resampling import benjamini_hochberg, permutation_p
from ontogeny.representations.inputs import Named
from ontogeny.representations.nulls import half_sample_interval
from ontogeny.representations.score import Array, Score, Settings

#: Fewer draws (untrained models, as a rule) are shown with their mean, and no p-value is made of them: 19 are the least for .05.
FEW = 19


def judged(
    measure: Measure,
    options: Mapping[str, Any],
    first: list[Named],
    second: list[Named],
    untrained: list[Named],
    ceiling: list[Named],
    settings: Settings,
    same: bool,
) -> xr.Dataset:
    """(first, second) of values, and (first, second, null) of what chance says, for one measure."""
    score = Score(measure, dict(options), way := settings.way)
    shape = (len(first), len(second))
    values = score.table(first, second)
    value = values["value"].cpu().double().numpy()
    nulls = [n for n in settings.null if n in measure.nulls or n == "rematched"]
    drawn = np.full((*shape, len(settings.null), settings.draws), np.nan)
    low, high, reverse = np.full(shape, np.nan), np.full(shape, np.nan), np.full(shape, np.nan)
    top, top_sd = np.full(shape, np.nan), np.full(shape, np.nan)
    for i, x in enumerate(first):
        for j, y in enumerate(second):
            if same and j < i and measure.symmetric:
                for table in (drawn, low, high, top, top_sd):
                    table[i, j] = table[j, i]
                continue
            if same and i == j:
                continue
            for place, null in enumerate(settings.null):
                if null in nulls:
                    sample = score.null(null, x.values, y.values, untrained, settings)
                    drawn[i, j, place, : len(sample)] = sample
            if settings.resamples:
                halves = score.on_halves(x.values, y.values, settings)
                low[i, j], high[i, j] = half_sample_interval(
                    value[i, j], halves, measure.range, settings.level
                )
            if not measure.symmetric:
                reverse[i, j] = score(y.values, x.values)
            if ceiling:
                again = [score(x.values, z.values) for z in ceiling]
                top[i, j] = np.mean(again)
                top_sd[i, j] = np.std(again, ddof=1) if len(again) > 1 else np.nan
    judged = _verdicts(value, drawn, measure.kind == "similarity", settings, same)
    dims = ("first", "second")
    data = {
        **{k: (dims, v.cpu().double().numpy()) for k, v in values.items() if k != "reverse"},
        "low": (dims, low),
        "high": (dims, high),
        "reverse": (dims, reverse),
        "ceiling": (dims, top),
        "ceiling_sd": (dims, top_sd),
        **{k: ((*dims, "null"), v) for k, v in judged.items()},
        "draws": ((*dims, "null", "draw"), drawn),
    }
    for missing in ("k", "k_other"):
        data.setdefault(missing, (dims, np.full(shape, np.nan)))
    best = 1.0 if measure.kind == "similarity" else 0.0
    chance = judged["null_mean"]
    reach = np.where(np.isnan(top), best, top)[..., None] - chance
    data["above_chance"] = ((*dims, "null"), (value[..., None] - chance) / reach)
    coords = {
        "first": [z.name for z in first],
        "second": [z.name for z in second],
        "null": list(settings.null),
        "n": way.scored(first[0].shape[0]) if way else first[0].shape[0],
        "d": ("first", [z.shape[1] for z in first]),
        "e": ("second", [z.shape[1] for z in second]),
    }
    return xr.Dataset(data, coords=coords)


def _verdicts(value: Array, drawn: Array, similar: bool, settings: Settings, same: bool) -> dict[str, Array]:
    """Mean and SD of each null, z (positive: more alike than chance), p, and p within the family of all cells."""
    sign = 1.0 if similar else -1.0
    counts = np.isfinite(drawn).sum(-1)
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = np.where(counts > 0, np.nansum(drawn, -1) / counts, np.nan)
        spread = np.sqrt(np.nansum((drawn - mean[..., None]) ** 2, -1) / np.maximum(counts - 1, 1))
        sd = np.where(counts > 1, spread, np.nan)
        z = sign * (value[..., None] - mean) / sd
    p = np.full(mean.shape, np.nan)
    for place in np.ndindex(mean.shape):
        sample = drawn[place][np.isfinite(drawn[place])]
        if len(sample) >= FEW:
            p[place] = permutation_p(sign * value[place[:2]], sign * sample)
    adjusted = np.full(mean.shape, np.nan)
    for k, null in enumerate(settings.null):
        cells = np.isfinite(p[..., k])
        if not cells.any() or settings.correction == "none":
            continue
        if settings.correction == "max" and null == "row_shuffle":
            with np.errstate(invalid="ignore", divide="ignore"):
                each = sign * (drawn[..., k, :] - mean[..., k, None]) / sd[..., k, None]
            adjusted[..., k][cells] = permutation_p(
                z[..., k][cells], np.repeat(np.nanmax(each[cells], 0)[:, None], cells.sum(), 1)
            )
        else:
            adjusted[..., k][cells] = benjamini_hochberg(p[..., k][cells])
    return {"null_mean": mean, "null_sd": sd, "z": z, "p": p, "p_adjusted": adjusted}
