"""When do networks of different seeds become alike, and in what?"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from ontogeny.errors import UserError
from ontogeny.findings.base import Finding, Verdict, finding
from ontogeny.findings.judging import LEAST
from ontogeny.findings.reading import seeds_of, variable
from ontogeny.findings.verdicts import LEVEL
from ontogeny.needs import inline
from ontogeny.numerics.resampling import Array, jackknife_interval, pair_mean
from ontogeny.thinning import evenly_thinned

if TYPE_CHECKING:
    import xarray as xr


def _reads(given: Mapping[str, Any]) -> tuple[str, ...]:
    """A measure of pairs over steps, or a lens over steps whose maps are put beside one another."""
    if given["source"]:
        return (given["source"],)
    options = {"most": given["most"], **({"tap": given["tap"]} if given["tap"] else {}), **given["options"]}
    if given["among"]:
        options["among"] = given["among"]
    said = ", ".join(f"{key} = {inline(value)}" for key, value in options.items())
    return (f"measure:{given['measure']}({said})@steps",)


@finding(kind="become_alike", reads=_reads)
def become_alike(
    data: Mapping[str, Any],
    *,
    measure: str = "cka_linear_debiased",
    tap: str = "",
    options: Mapping[str, Any] = {},
    among: Mapping[str, Any] = {},
    most: int = 12,
    source: str = "",
    name: str = "",
    by: float = 0.1,
    text: str = "",
) -> list[Finding]:
    """Are networks of different seeds more alike when trained than before, and from when on?

    ``measure`` at ``tap`` (with its ``options``), between all pairs of runs ``among`` those with these values, at ``most`` steps that all of them keep; or
    the cosine between the maps ``name`` of a lens ``source`` (``lens:NAME@steps``). The value is the mean over pairs of different seeds at the last step. What
    chance gives is the same mean before training: networks that share task, inputs and law of initialisation and have learned nothing.

    "Holds": the gain over training, in the direction of likeness, lies above ``by``; "does not hold": it lies below; its interval leaves out each *seed* in
    turn with all its pairs (:func:`~ontogeny.numerics.resampling.jackknife_interval`), because pairs that share a seed are not independent. 3
    seeds are the least. From when on: the first step from which the mean stays beyond half of the way to its end (in the details, with the step seeds left out
    give).

    How it misleads: untrained networks are alike through what their inputs share, often more so than trained ones are: a fall means that seeds
    go ways of their own. Seeds that have not learned the task yet count like the others. The step is as coarse as the checkpoints that are compared.
    """
    (read,) = _reads(
        {"source": source, "most": most, "tap": tap, "options": options, "among": among, "measure": measure}
    )
    given = data[read]
    values, steps, seeds, sign = _of_lens(given, name, source, most) if source else _of_measure(given, read)
    claim = text or f"seeds become alike by {name or measure}"
    names = np.unique(seeds)
    n, evidence = len(names), {"pairs": read}
    if n < LEAST:
        why = f"{n} seed{'s' * (n != 1)}, and {LEAST} are the least that say how much it varies"
        return [Finding(claim, verdict="too few seeds", why=why, n=n, needed=LEAST, evidence=evidence)]
    values = np.where(seeds[:, None] == seeds[None, :], math.nan, values)  # of one seed: no pair of seeds

    def course(units: np.ndarray) -> Array:
        runs = np.flatnonzero(np.isin(seeds, names[units]))
        return np.array([pair_mean(one, runs) for one in values])

    def gain(units: np.ndarray) -> float:
        means = course(units)
        return float(sign * (means[-1] - means[0]))

    everyone = np.arange(n)
    means, more = course(everyone), jackknife_interval(gain, n, level=LEVEL)
    last = jackknife_interval(lambda units: float(course(units)[-1]), n, level=LEVEL)
    judged: Verdict = "holds" if more[0] > by else "does not hold" if more[1] < by else "too few seeds"
    half = _halfway(means, steps)
    without = [_halfway(course(np.delete(everyone, i)), steps) for i in everyone]
    turned = f"; half of the way by step {half:,.0f}" if judged == "holds" and math.isfinite(half) else ""
    if judged == "holds" and min(without) < max(without):
        turned += f" ({min(without):,.0f} to {max(without):,.0f} without one of the seeds)"
    way = "more" if gain(everyone) > 0 else "less"
    return [
        Finding(
            claim,
            value=float(means[-1]),
            interval=last,
            interval_kind="confidence",
            interval_of="the mean over pairs of seeds at the last step",
            n=n,
            verdict=judged,
            why=f"{means[0]:.2g} before training, {means[-1]:.2g} at step {steps[-1]:,}: {way} alike by {abs(gain(everyone)):.2g} "
            f"(in likeness {more[0]:.2g} to {more[1]:.2g}, each seed left out in turn), against the {by:g} that matters{turned}",
            evidence=evidence,
            details={
                "untrained": float(means[0]),
                "gain": gain(everyone),
                "gain_interval": list(more),
                "half_way": half,
                "half_way_without_one_seed": without,
                "mean_by_step": dict(zip(map(str, steps), means.tolist(), strict=True)),
            },
        )
    ]


def _of_measure(given: xr.Dataset, read: str) -> tuple[Array, list[int], np.ndarray, float]:
    """(step, run, run) made symmetric, steps, the seed of each run, and the sign that makes more of it more alike."""
    values = variable(given, "value", read).transpose("step", "run", "run_other")
    sign = 1.0 if values.attrs.get("kind") == "similarity" else -1.0
    table = values.values.astype(float)
    return (table + table.swapaxes(1, 2)) / 2, given["step"].values.tolist(), seeds_of(given), sign


def _of_lens(
    given: xr.Dataset, name: str, source: str, most: int
) -> tuple[Array, list[int], np.ndarray, float]:
    """Cosines between the maps of runs, at up to ``most`` of the steps at which all of them have one."""
    maps = variable(given, name, source).transpose("run", "step", ...)
    table = maps.values.astype(float).reshape(maps.sizes["run"], maps.sizes["step"], -1)
    there = np.flatnonzero(np.isfinite(table).all((0, 2)))
    if not len(there):
        raise UserError(f"There is no step at which every run has '{name}' of '{source}'.")
    there = there[evenly_thinned(len(there), most)]
    table = table[:, there].swapaxes(0, 1)  # (step, run, entry)
    size = np.linalg.norm(table, axis=-1, keepdims=True)
    unit = np.divide(table, size, out=np.full_like(table, math.nan), where=size > 0)
    return unit @ unit.swapaxes(1, 2), maps["step"].values[there].tolist(), seeds_of(given), 1.0


def _halfway(means: Array, steps: list[int]) -> float:
    """The first step from which a course stays beyond half of the way from its beginning to its end."""
    beyond = (means - means[0]) / (means[-1] - means[0]) >= 0.5 if means[-1] != means[0] else means != means
    lasting = np.logical_and.accumulate(beyond[::-1])[::-1]
    return float(steps[int(lasting.argmax())]) if lasting.any() else math.nan
