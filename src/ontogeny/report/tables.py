"""Tables of a report of one run or of several: their numbers and maps, and the study's claims about each of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
import xarray as xr

from ontogeny.comparing import consistency
from ontogeny.errors import UserError
from ontogeny.handles import Run, Store
from ontogeny.report.document import said

SAID = {
    "the same": f"the same in all (within {consistency.TOLERANCE:.0%})",
    "differs": "different",
    "not in all": "not there in all",
    "infinite in some": "infinite in some",
    "no more than chance": "alike no more than chance has it",
    "alike on average": "alike on average",
}
MOST_NAMES = 6  # of quantities that a sentence names


def called(runs: Sequence[Run]) -> dict[str, str]:
    """What the runs are called, by id: by what varied, and by their ids too where that is not enough."""
    times = Counter(run.name for run in runs)
    return {run.id: run.name if times[run.name] == 1 else f"{run.name} ({run.id[:6]})" for run in runs}


def results(store: Store, step: int = -1) -> tuple[dict[str, xr.Dataset], list[str]]:
    """What the study's lenses say of all its runs at one step, and why some cannot."""
    found, missing = {}, []
    times = Counter(use.name for use in store.study.lenses)
    for use in store.study.lenses:
        options = ", ".join(f"{k} = {v}" for k, v in use.options.items())
        name = f"{use.name} ({options})" if times[use.name] > 1 and options else use.name
        try:
            found[name] = store.lens(use.name, step, **use.options)
        except UserError as error:
            missing.append(f"“{name}” is left out: {error}")
    return found, missing


def compared(*some: Store) -> tuple[list[consistency.Number], list[consistency.Map], str]:
    """Numbers and maps of these runs at their last step, and a note on what could not be compared.

    Of several studies the lenses of the first are looked through, and what has the same axes in all is compared.
    """
    for other in some[1:]:
        other.study = other.study.model_copy(update={"lenses": some[0].study.lenses})
    last, missing, odd = _together([results(one) for one in some])
    first = {e.steps[0] for one in some for e in one.entries()}
    start = _together([results(one, next(iter(first))) for one in some])[0] if len(first) == 1 else {}
    if odd:
        missing = [
            *missing,
            f"Of other shape in the two, and so not compared: {', '.join(dict.fromkeys(odd))}.",
        ]
    return consistency.numbers(last, start), consistency.maps(last), " ".join(dict.fromkeys(missing))


def _together(
    each: Sequence[tuple[dict[str, xr.Dataset], list[str]]],
) -> tuple[dict[str, xr.Dataset], list[str], list[str]]:
    """By lens, what every study says in the same shape, over all their runs; why some cannot; and the words of what has another shape."""
    missing, odd = [why for _, of in each for why in of], []
    if len(each) == 1:
        return each[0][0], missing, []
    found: dict[str, xr.Dataset] = {}
    for lens in set.intersection(*(set(of) for of, _ in each)):
        same: dict[str, xr.DataArray] = {}
        for name in each[0][0][lens].data_vars:
            parts = [of[lens][name] for of, _ in each if name in of[lens]]
            shapes = {tuple((d, n) for d, n in part.sizes.items() if d != "run") for part in parts}
            if len(parts) == len(each) and len(shapes) == 1:
                bare = [part.drop_vars([c for c in part.coords if c not in part.dims]) for part in parts]
                same[str(name)] = xr.concat(bare, "run", join="override", combine_attrs="override")
            else:
                odd.append(str(parts[0].attrs.get("long_name", name)))
        found[lens] = xr.Dataset(same)
    order = [lens for lens in each[0][0] if lens in found]
    return {lens: found[lens] for lens in order}, missing, odd


def number_table(numbers: Sequence[consistency.Number], names: Mapping[str, str]) -> pd.DataFrame:
    rows = [
        {
            "quantity": _quantity(n),
            **{name: float(v) for name, v in zip(names.values(), n.values, strict=True)},
            "spread": n.spread,
            "verdict": n.verdict,
        }
        for n in numbers
    ]
    return pd.DataFrame(rows)


def map_table(maps: Sequence[consistency.Map]) -> pd.DataFrame:
    rows = [
        {
            "map": f"{m.quantity} · {m.lens.replace('_', ' ')}",
            "verdict": m.verdict,
            "over": ", ".join(axis.replace("_", " ") for axis in m.axes),
            "correlation": m.agreement,
            "least alike": float(m.pairs.min()),
            "by chance": m.chance,
            "p": m.p,
        }
        for m in maps
    ]
    return pd.DataFrame(rows)


def summary(numbers: Sequence[consistency.Number], maps: Sequence[consistency.Map]) -> list[str]:
    """How much is the same, by name where there is room for names."""
    told = []
    for kind, rows in (("numbers", numbers), ("maps", maps)):
        by_verdict: dict[str, list[str]] = {}
        for row in rows:
            by_verdict.setdefault(row.verdict, []).append(row.quantity)
        counted = [
            f"{len(names)} {'is' if len(names) == 1 else 'are'} {SAID[verdict]}"
            + (
                f" ({', '.join(f'“{name}”' for name in dict.fromkeys(names))})"
                if len(names) <= MOST_NAMES
                else ""
            )
            for verdict, names in by_verdict.items()
        ]
        if counted:
            told.append(f"Of {len(rows)} {kind}, {'; '.join(counted)}.")
    return told


def standing(store: Store, run: Run, fellows: Sequence[Run]) -> tuple[pd.DataFrame, str]:
    """This run's numbers, and where they lie among those of its fellows (the place from below; ties share the lower one)."""
    mine, missing = results(store.only([run]))
    all_of_them, _ = results(store.only(fellows))
    theirs = {(n.lens, n.quantity): n.values for n in consistency.numbers(all_of_them)}
    rows = []
    for n in consistency.numbers(mine):
        value, others = float(n.values[0]), theirs.get((n.lens, n.quantity))
        among = {}
        if others is not None and len(fellows) > 1:
            known = others[np.isfinite(others)]
            place = f"{int((known < value).sum()) + 1} of {len(known)}"
            among = {f"all {len(fellows)}": _over(list(others), len(fellows)), "place": place}
        rows.append({"quantity": _quantity(n), "this run": value, **among})
    return pd.DataFrame(rows), " ".join(missing)


def claims(store: Store, runs: Sequence[Run], fellows: Sequence[Run]) -> pd.DataFrame:
    """The study's findings that are one number (or a yes or no) a run: of these runs, and over all their fellows."""
    names, rows = called(runs), []
    for finding in store.findings():
        by_run = finding.details.get("runs", {})
        values = [by_run.get(run.id) for run in runs]
        if all(value is None or value != value for value in values):
            continue
        over = [by_run[one.id] for one in fellows if by_run.get(one.id) is not None]
        rows.append(
            {
                "claim": finding.claim,
                **{names[run.id]: said(value) for run, value in zip(runs, values, strict=True)},
                **({f"all {len(fellows)}": _over(over, len(fellows))} if len(fellows) > len(runs) else {}),
                "published": said([one.value for one in finding.published] or None),
            }
        )
    return pd.DataFrame(rows)


def _over(values: Sequence[float | bool], everyone: int) -> str:
    """ "5 of 8" for what holds or not, else the median with the smallest and the largest, and how many have the number if not
    all."""
    if values and all(isinstance(one, bool) for one in values):
        return f"{sum(values)} of {len(values)}"
    known = [float(one) for one in values if np.isfinite(one)]
    if not known:
        return "–"
    few = "" if len(known) == everyone else f", {len(known)} of them"
    return f"{said(float(np.median(known)))} ({said(min(known))} to {said(max(known))}{few})"


def _quantity(n: consistency.Number) -> str:
    return f"{n.quantity}{f' ({n.units})' if n.units not in ('', '1') else ''} · {n.lens.replace('_', ' ')}"
