"""Reports of one run, beside the others of its study, and of chosen runs, beside one another."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Literal

from ontogeny import registry
from ontogeny.comparing import consistency
from ontogeny.errors import UserError
from ontogeny.handles import Run, Store
from ontogeny.needs import inline, parse
from ontogeny.report.assemble import drawn, files, provenance, runs_section, write
from ontogeny.report.document import Document, Figure, Section, said
from ontogeny.report.overlay import overlay
from ontogeny.report.tables import called, claims, compared, map_table, number_table, standing, summary
from ontogeny.study import Use
from ontogeny.views.base import Drawn
from ontogeny.views.bindings import still

BESIDE = 4  # runs of which every picture is shown
LEARNING = ("progress_curves", "loss_curves")
#: How the tables of numbers and of maps are to be read.
NUMBERS = (
    "At the last step. The spread is the difference between the largest and the smallest, as a share of the largest size that the "
    "quantity has in any of these runs at the last step, or at the first if all kept the same first step; up to "
    f"{consistency.TOLERANCE:g} is “the same”."
)
MAPS = (
    "Results over inputs, outputs or frequencies: rank correlation, mean over pairs of runs and of the least alike pair, beside what shuffling "
    "the ticks of every run gives, with p corrected for the number of maps; "
    "inputs that were trained on are left out where the lens knows them. “The same” asks for at least "
    f"{consistency.ALIKE:g} of every pair. Shuffling takes neighbouring ticks for independent, which they rarely are, so p is too small for "
    "smooth maps: read the correlations. Neurons, heads and components are left out, because the third of one run has nothing to do with "
    "the third of another."
)


def write_chosen(
    store: Store, runs: Sequence[Run], format: Literal["html", "md", "pdf"] = "html", out: Path | None = None
) -> Path:
    """The report of one run, or the comparison of several, under ``report/``, named after them."""
    by_id = {run.id: run for run in runs}
    ids = sorted(by_id)
    runs = [by_id[id] for id in ids]
    if missing := [run.name for run in runs if not run.steps]:
        raise UserError(f"There is nothing to report of {', '.join(missing)}: no checkpoint was kept.")
    document = of_one_run(store, runs[0]) if len(runs) == 1 else of_runs(store, runs)
    few = "-".join(id[:6] for id in ids)
    many = f"{len(ids)}-runs-{hashlib.blake2b(few.encode(), digest_size=4).hexdigest()}"
    stem = f"run-{ids[0]}" if len(ids) == 1 else f"compare-{few if len(ids) <= BESIDE else many}"
    return write(document, store.directory, stem, format, out)


def of_one_run(store: Store, run: Run) -> Document:
    """What this run is, what its lenses say, and where it stands among the runs that differ from it by seeds alone."""
    fellows = store.fellows(run)
    alone = store.only([run])
    beside = len(fellows) > 1
    others = f" beside the {len(fellows)} runs that differ from it by seeds alone, itself among them: median (smallest to largest)"
    numbers, missing = standing(store, run, fellows)
    sections = [
        learning(alone),
        *(Section(heading, figures=figures, note=note) for heading, figures, note in pictures(alone, [run])),
        Section(
            "Claims of the study",
            f"What the study asks of every run in one number, or a yes or no{others if beside else ''}.",
            table=claims(store, [run], fellows),
        ),
        Section(
            "Its numbers",
            "What the study's lenses say of the last step where it is one number a run"
            f"{f',{others}; and its place from below' if beside else ''}.",
            table=numbers,
            note=missing,
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
        files=files(alone),
    )


def of_runs(store: Store, runs: Sequence[Run]) -> Document:
    """What these runs share and what not: curves laid over one another, the same pictures of each, numbers and maps compared."""
    some = store.only(runs)
    runs = [store.run(entry.id) for entry in some.entries()]  # in the study's order, as everything else is
    names, fellows = called(runs), store.fellows(runs[0])
    numbers, maps, missing = compared(some)
    beside = "; beside them all that differ from the first by seeds alone" if len(fellows) > len(runs) else ""
    sections = [
        learning(some),
        *(Section(heading, figures=figures, note=note) for heading, figures, note in pictures(some, runs)),
        Section(
            "Claims of the study, run by run",
            f"What the study asks of every run in one number, or a yes or no, of each of these runs{beside}.",
            table=claims(store, runs, fellows),
        ),
        Section(
            "Which numbers are the same?",
            NUMBERS,
            table=number_table(numbers, names),
            note=missing,
        ),
        Section(
            "Which maps are the same?",
            MAPS,
            table=map_table(maps),
        ),
        similarity(some),
        runs_section(some),
    ]
    said_first, said_last = ", ".join(list(names.values())[:-1]), list(names.values())[-1]
    return Document(
        title=f"{store.study.title or store.study.name} – {len(runs)} runs compared",
        question=f"What is the same in {said_first} and {said_last}, and what is not?",
        answer=[*summary(numbers, maps), *[f.drawn.says for f in sections[0].figures[:1] if f.drawn.says]],
        sections=worth_showing(sections),
        provenance=provenance(some),
        made_by=f"ontogeny report {store.directory.root.name} " + " ".join(f"--run {run.id}" for run in runs),
        files=files(some),
    )


def worth_showing(sections: Sequence[Section]) -> list[Section]:
    """Those with something to look at, or with a word on why there is nothing."""
    return [one for one in sections if one.figures or one.note or (one.table is not None and len(one.table))]


# -- pictures --------------------------------------------------------------------------------------------------------


def learning(some: Store) -> Section:
    """How the runs learned: one run's losses in one figure; several aligned at the step at which each groks, where any does."""
    several = len(some.entries()) > 1
    first = Use(name="aligned_curves" if several else "progress_curves")
    figures, _ = drawn(some, [first] if reads_of(some, first) else [])
    parts = {str(c).removesuffix("_loss") for c in some.runs().columns if str(c).endswith("_loss")} - {"all"}
    curves = [
        Use(name="loss_curves", options={"part": part}, label=f"Loss and accuracy, {part}")
        for part in sorted(parts or {"all"}, reverse=True)
    ]
    more, note = drawn(some, curves)
    return Section("How they learned" if several else "How it learned", figures=[*figures, *more], note=note)


def reads_of(store: Store, use: Use) -> bool:
    """Whether the study looks through the lenses that this view cannot do without."""
    reads = map(parse, registry.views[use.name].reads)
    needed = {read.name for read in reads if read.kind == "lens" and not read.optional}
    return needed <= {lens.name for lens in store.study.lenses}


def pictures(some: Store, runs: Sequence[Run]) -> list[tuple[str, list[Figure], str]]:
    """(heading, figures, note) for the recipe's views of lenses alone, of each of the first runs; which run each was told to show is forgotten.

    Of several runs every picture stands still at one step: so they are compared, and the page stays light.
    """
    names, found, seen = called(runs), [], []
    for section in some.study.report:
        figures: list[Figure] = []
        notes = []
        for use in section.views:
            options = {k: v for k, v in use.options.items() if k != "run"}
            of_lenses = all(
                word.removeprefix("one:").startswith("lens:") for word in registry.views[use.name].reads
            )
            if use.name in LEARNING or not of_lenses or (use.name, options) in seen:
                continue
            seen.append((use.name, options))
            each: dict[str, list[Figure]] = {}
            for run in runs[:BESIDE]:
                whose = f" – {names[run.id]}" if len(runs) > 1 else ""
                each[names[run.id]], note = shown(
                    some.only([run]), Use(name=use.name, options=options), whose
                )
                notes += [note] if note else []
            figures += beside(each)
        if figures and len(runs) > BESIDE:
            notes.append(f"Shown are the first {BESIDE} of {len(runs)} runs.")
        if figures or notes:
            found.append((section.heading, figures, " ".join(notes)))
    return found


def shown(alone: Store, use: Use, whose: str) -> tuple[list[Figure], str]:
    """A picture of one run: by a view that takes a run, or that follows runs with a slider. One over all runs has a single point here."""
    figures, note = drawn(alone, [use], whose)
    takes_a_run = "run" in registry.views[use.name].defaults
    return [f for f in figures if takes_a_run or any(one.axis == "run" for one in f.drawn.bindings)], note


def beside(each: Mapping[str, list[Figure]]) -> list[Figure]:
    """The same pictures of several runs (by name): over one another where they can be, one after the other where they cannot."""
    there = {name: figures for name, figures in each.items() if figures}
    if len(each) == 1 or not there:
        return [figure for figures in there.values() for figure in figures]
    found: list[Figure] = []
    for same in zip(*there.values(), strict=False):
        one = (
            overlay({name: figure.drawn for name, figure in zip(there, same, strict=True)})
            if len(same) > 1
            else None
        )
        caption = same[0].caption.removesuffix(f" – {next(iter(there))}")
        found += (
            [replace(same[0], drawn=one, caption=caption)] if one else [_still(figure) for figure in same]
        )
    return found


def _still(figure: Figure) -> Figure:
    return replace(figure, drawn=Drawn(still(figure.drawn), says=figure.drawn.says))


def similarity(some: Store) -> Section:
    """Every measure that the study asks for, between these runs alone; that of their outputs where it asks for none."""
    asked = some.study.measures or (Use(name="activation_similarity"),)
    uses = []
    for use in asked:
        options = ", ".join(f"{key} = {inline(value)}" for key, value in use.options.items())
        word = f"{use.name}({options})" if options else use.name
        label = registry.measures[use.name].question + (f" ({options})" if options else "")
        uses.append(Use(name="similarity_heatmap", options={"measure": word}, label=label))
    figures, note = drawn(some, uses)
    return Section("How alike are they, two by two?", figures=figures, note=note)
