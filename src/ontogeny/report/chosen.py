"""Reports of one run, beside the others of its study, and of chosen runs, beside one another."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd
import xarray as xr

from ontogeny import registry
from ontogeny.errors import UserError
from ontogeny.findings import consistency
from ontogeny.handles import Run, Store
from ontogeny.report.assemble import drawn, provenance, runs_section, write
from ontogeny.report.document import Document, Figure, Section, said
from ontogeny.study import Use
from ontogeny.views.base import Drawn
from ontogeny.views.bindings import still

BESIDE = 4  # runs of which every picture is shown
SECOND = "(second published value)"
SAID = {
    "the same": "the same in all",
    "differs": "different",
    "not in all": "not there in all",
    "no more than chance": "alike no more than chance has it",
    "a little alike": "a little alike",
}
MOST_NAMES = 6  # of quantities that a sentence names
LEARNING = ("progress_curves", "loss_curves")


def write_chosen(
    store: Store, runs: Sequence[Run], format: Literal["html", "md"] = "html", out: Path | None = None
) -> Path:
    """The report of one run, or the comparison of several, under ``report/``, named after them."""
    ids = list(dict.fromkeys(run.id for run in runs))
    runs = [store.run(id) for id in ids]
    if missing := [run.name for run in runs if not run.steps]:
        raise UserError(f"There is nothing to report of {', '.join(missing)}: no checkpoint was kept.")
    document = of_one_run(store, runs[0]) if len(runs) == 1 else of_runs(store, runs)
    stem = f"run-{ids[0]}" if len(ids) == 1 else "-".join(["compare", *(id[:6] for id in ids[:8])])
    return write(document, store.directory, stem, format, out)


def of_one_run(store: Store, run: Run) -> Document:
    """What this run is, what its lenses say, and where it stands among the runs that differ from it by seeds alone."""
    fellows = store.fellows(run)
    alone = store.only([run])
    sections = [learning(alone)]
    for heading, uses in pictures(store).items():
        if figures := shown(alone, uses):
            sections.append(Section(heading, figures=figures))
    others = (
        f", beside the {len(fellows)} runs that differ from it by seeds alone, itself among them: median (smallest to largest)"
        if len(fellows) > 1
        else ""
    )
    sections += [
        Section(
            "Claims of the study",
            f"What the study asks of every run{others}.",
            table=claims(store, [run], fellows),
        ),
        Section(
            "Its numbers",
            f"What the study's lenses say of the last step where it is one number a run{others}{', and its place from below' if others else ''}.",
            table=standing(store, run, fellows),
        ),
    ]
    last = run.entry.record.get("last", {})
    ended = ", ".join(f"{name.replace('_', ' ')} {said(float(v))}" for name, v in last.items())
    return Document(
        title=f"{store.study.title or store.study.name} – run {run.name}",
        question=store.study.question,
        answer=[
            f"Run {run.id} ({run.name}) is {run.status} at step {run.entry.record.get('step'):,}, with {len(run.steps)} checkpoints."
            + (f" Its last logged numbers: {ended}." if ended else ""),
            *[f.drawn.says for f in sections[0].figures[:1] if f.drawn.says],
        ],
        sections=worth_showing(sections),
        provenance={**provenance(alone), "spec": run.entry.record.get("spec", {})},
        made_by=f"ontogeny report {store.directory.root.name} --run {run.id}",
    )


def of_runs(store: Store, runs: Sequence[Run]) -> Document:
    """What these runs share and what not: curves laid over one another, the same pictures side by side, numbers and maps compared."""
    some = store.only(runs)
    runs = [store.run(entry.id) for entry in some.entries()]  # in the study's order, as everything else is
    numbers, maps = compared(some)
    tables = [number_table(numbers, runs), map_table(maps)]
    sections = [learning(some)]
    for heading, uses in pictures(store).items():
        beside = [shown(store.only([run]), uses, f" – {run.name}") for run in runs[:BESIDE]]
        figures = [  # at one step, and the page stays light
            replace(figure, drawn=Drawn(still(figure.drawn), says=figure.drawn.says))
            for row in zip(*beside, strict=False)
            for figure in row
        ]
        note = f"Shown are the first {BESIDE} of {len(runs)} runs." if len(runs) > BESIDE else ""
        if figures:
            sections.append(Section(heading, figures=figures, note=note))
    sections += [
        Section(
            "Claims of the study, run by run",
            "Every number that the study asks for, of each of these runs; beside them all that differ from the first by seeds alone.",
            table=claims(store, runs, store.fellows(runs[0])),
        ),
        Section(
            "Which numbers are the same?",
            f"At the last step. The spread is the difference between the largest and the smallest, as a share of the largest size that "
            f"the quantity has in any of these runs at the first or the last step; up to {consistency.TOLERANCE:g} is “the same”.",
            table=tables[0],
        ),
        Section(
            "Which maps are the same?",
            "Results over inputs, outputs or frequencies: mean rank correlation over pairs of runs, beside its mean under shuffling. Neurons, "
            "heads and components are left out, because the third of one run has nothing to do with the third of another.",
            table=tables[1],
        ),
        similarity(some),
        runs_section(some),
    ]
    names = [run.name for run in runs]
    return Document(
        title=f"{store.study.title or store.study.name} – {len(runs)} runs compared",
        question=f"What is the same in {', '.join(names[:-1])} and {names[-1]}, and what is not?",
        answer=[*in_words(numbers, maps), *[f.drawn.says for f in sections[0].figures[:1] if f.drawn.says]],
        sections=worth_showing(sections),
        provenance=provenance(some),
        made_by=f"ontogeny report {store.directory.root.name} " + " ".join(f"--run {run.id}" for run in runs),
    )


def worth_showing(sections: Sequence[Section]) -> list[Section]:
    return [one for one in sections if one.figures or (one.table is not None and len(one.table))]


# -- pictures --------------------------------------------------------------------------------------------------------


def learning(some: Store) -> Section:
    """How the runs learned: one run's losses in one figure; several aligned at the step at which each groks, where any does."""
    several = len(some.entries()) > 1
    tried = [Use(name="aligned_curves")] if several else [Use(name="progress_curves")]
    figures, _ = drawn(some, [use for use in tried if reads_of(some, use)])
    parts = {str(c).removesuffix("_loss") for c in some.runs().columns if str(c).endswith("_loss")} - {"all"}
    curves = [
        Use(name="loss_curves", options={"part": part}, label=f"Loss and accuracy, {part}")
        for part in sorted(parts or {"all"}, reverse=True)
    ]
    more, note = drawn(some, curves)
    return Section("How they learned" if several else "How it learned", figures=[*figures, *more], note=note)


def reads_of(store: Store, use: Use) -> bool:
    """Whether the study looks through the lenses that this view cannot do without."""
    needed = {
        word.split(":")[1].split("@")[0]
        for word in registry.views[use.name].reads
        if word.startswith("lens:") and not word.endswith("?")
    }
    return needed <= {lens.name for lens in store.study.lenses}


def pictures(store: Store) -> dict[str, list[Use]]:
    """The recipe's views that can show one run, by heading: those of lenses alone. Which run each was told to show is forgotten."""
    found: dict[str, list[Use]] = {}
    seen = []
    for section in store.study.report:
        for use in section.views:
            view = registry.views[use.name]
            alone = all(word.startswith("lens:") for word in view.reads)
            options = {k: v for k, v in use.options.items() if k != "run"}
            if use.name in LEARNING or not alone or (use.name, options) in seen:
                continue
            seen.append((use.name, options))
            found.setdefault(section.heading, []).append(Use(name=use.name, options=options))
    return found


def shown(alone: Store, uses: Sequence[Use], whose: str = "") -> list[Figure]:
    """Pictures of one run: of views that take a run, or that follow runs with a slider. One over all runs has a single point here."""
    found = []
    for use in uses:
        figures, _ = drawn(alone, [use], whose)
        takes_a_run = "run" in registry.views[use.name].defaults
        found += [f for f in figures if takes_a_run or any(one.axis == "run" for one in f.drawn.bindings)]
    return found


def similarity(some: Store) -> Section:
    """Every measure that the study asks for, between these runs alone; that of their outputs where it asks for none."""
    names = dict.fromkeys(use.name for use in some.study.measures) or ("activation_similarity",)
    uses = [
        Use(name="similarity_heatmap", options={"measure": name}, label=registry.measures[name].question)
        for name in names
    ]
    figures, note = drawn(some, uses)
    return Section("How alike are they, two by two?", figures=figures, note=note)


# -- numbers ---------------------------------------------------------------------------------------------------------


def results(store: Store, step: int = -1) -> dict[str, xr.Dataset]:
    """What the study's lenses say of all its runs at one step; lenses that cannot say it are left out."""
    found = {}
    for use in store.study.lenses:
        try:
            found[use.name] = store.lens(use.name, step, **use.options)
        except UserError:
            continue
    return found


def compared(some: Store) -> tuple[list[consistency.Number], list[consistency.Map]]:
    last = results(some)
    first = min((e.steps[0] for e in some.entries() if e.steps), default=0)
    return consistency.numbers(last, results(some, first)), consistency.maps(last)


def number_table(numbers: Sequence[consistency.Number], runs: Sequence[Run]) -> pd.DataFrame:
    rows = [
        {
            "quantity": _quantity(n),
            **{run.name: float(v) for run, v in zip(runs, n.values, strict=True)},
            "spread": n.spread,
            "": n.verdict,
        }
        for n in numbers
    ]
    return pd.DataFrame(rows)


def map_table(maps: Sequence[consistency.Map]) -> pd.DataFrame:
    rows = [
        {
            "map": m.quantity,
            "lens": m.lens.replace("_", " "),
            "over": ", ".join(axis.replace("_", " ") for axis in m.axes),
            "correlation": m.agreement,
            "by chance": m.chance,
            "p": m.p,
            "": m.verdict,
        }
        for m in maps
    ]
    return pd.DataFrame(rows)


def standing(store: Store, run: Run, fellows: Sequence[Run]) -> pd.DataFrame:
    """This run's numbers, and where they lie among those of its fellows (the place from below; ties share the lower one)."""
    mine = consistency.numbers(results(store.only([run])))
    theirs = {(n.lens, n.quantity): n.values for n in consistency.numbers(results(store.only(fellows)))}
    rows = []
    for n in mine:
        value, others = float(n.values[0]), theirs[n.lens, n.quantity]
        known = others[np.isfinite(others)]
        place = f"{int((known < value).sum()) + 1} of {len(known)}"
        among = {f"all {len(fellows)}": _over(list(others)), "place": place} if len(fellows) > 1 else {}
        rows.append({"quantity": _quantity(n), "this run": value, **among})
    return pd.DataFrame(rows)


def claims(store: Store, runs: Sequence[Run], fellows: Sequence[Run]) -> pd.DataFrame:
    """The study's findings that are one number (or a yes or no) a run: of these runs, and over all their fellows."""
    rows = []
    for finding in store.findings():
        by_run = finding.details.get("runs", {})
        values = [by_run.get(run.id) for run in runs]
        if finding.claim.endswith(SECOND) or all(value is None or value != value for value in values):
            continue
        over = [by_run[one.id] for one in fellows if by_run.get(one.id) is not None]
        rows.append(
            {
                "claim": finding.claim,
                **{run.name: said(value) for run, value in zip(runs, values, strict=True)},
                **({f"all {len(fellows)}": _over(over)} if len(fellows) > len(runs) else {}),
                "published": said(finding.published),
            }
        )
    return pd.DataFrame(rows)


def _over(values: Sequence[float | bool]) -> str:
    """ "5 of 8" for what holds or not, else the median with the smallest and the largest."""
    if values and all(isinstance(one, bool) for one in values):
        return f"{sum(values)} of {len(values)}"
    known = [float(one) for one in values if one == one]
    return f"{said(float(np.median(known)))} ({said(min(known))} to {said(max(known))})" if known else "–"


def in_words(numbers: Sequence[consistency.Number], maps: Sequence[consistency.Map]) -> list[str]:
    """How much is the same, by name where there is room for names."""
    told = []
    for kind, rows in (("numbers", numbers), ("maps", maps)):
        by_verdict: dict[str, list[str]] = {}
        for row in rows:
            by_verdict.setdefault(row.verdict, []).append(row.quantity)
        counted = [
            f"{len(names)} {SAID[verdict]}"
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


def _quantity(n: consistency.Number) -> str:
    return f"{n.quantity}{f' ({n.units})' if n.units not in ('', '1') else ''} · {n.lens.replace('_', ' ')}"
