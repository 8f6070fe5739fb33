"""Two runs of two directories side by side: the same pictures of each, what one has more of than the other, and their numbers."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Literal

from ontogeny.errors import UserError
from ontogeny.handles import Run
from ontogeny.report.assemble import files, provenance, write
from ontogeny.report.chosen import MAPS, NUMBERS, beside, learning, pictures, worth_showing
from ontogeny.report.document import Document, Figure, Section
from ontogeny.report.tables import compared, map_table, number_table, summary
from ontogeny.views.base import Drawn
from ontogeny.views.differing import difference, difference_map


def write_beside(
    one: Run, other: Run, format: Literal["html", "md", "pdf"] = "html", out: Path | None = None
) -> Path:
    """The comparison of a run with one of another directory, under ``report/`` of the first."""
    if missing := [run.name for run in (one, other) if not run.steps]:
        raise UserError(f"There is nothing to report of {', '.join(missing)}: no checkpoint was kept.")
    stem = f"compare-{one.id[:6]}-{other.id[:6]}"
    return write(of_two(one, other), one.store.directory, stem, format, out)


def of_two(one: Run, other: Run) -> Document:
    """Curves and the pictures of the first study's recipe, of each run; where the axes of two maps agree, the difference as well, and where
    they do not, a sentence that says so: p = 113 and p = 59 have no cells in common."""
    names = [f"{run.store.directory.root.name}: {run.name}" for run in (one, other)]
    if names[0] == names[1]:
        names = [f"{run.store.directory.root}: {run.name}" for run in (one, other)]
    alone = [run.store.only([run]) for run in (one, other)]
    learned = [learning(store) for store in alone]
    sections = [Section("How they learned", figures=_together(names, [s.figures for s in learned]))]
    # the same views of both: those that the recipe of the first shows
    alone[1].study = alone[1].study.model_copy(update={"report": alone[0].study.report})
    shown = [{heading: (figures, note) for heading, figures, note in pictures(s, r)}
             for s, r in zip(alone, ([one], [other]), strict=True)]  # fmt: skip
    for heading in dict.fromkeys([*shown[0], *shown[1]]):
        figures, notes = zip(*(of.get(heading, ([], "")) for of in shown), strict=True)
        more, why = _differences(names, figures[0], figures[1])
        said = [f"{name}: {note}" for name, note in zip(names, notes, strict=True) if note]
        sections.append(
            Section(heading, figures=[*_together(names, list(figures)), *more], note=" ".join([*said, *why]))
        )
    numbers, maps, missing = compared(*alone)
    sections += [
        Section(
            "Which numbers are the same?",
            NUMBERS,
            table=number_table(numbers, dict(zip(names, names, strict=True))),
            note=missing,
        ),
        Section("Which maps are the same?", MAPS, table=map_table(maps)),
    ]
    return Document(
        title=f"{names[0]} beside {names[1]}",
        question=f"What is the same in {names[0]} and {names[1]}, and what is not?",
        answer=[*summary(numbers, maps), *[f.drawn.says for f in sections[0].figures[:1] if f.drawn.says]],
        sections=worth_showing(sections),
        provenance={name: provenance(store) for name, store in zip(names, alone, strict=True)},
        made_by=f"ontogeny report {one.store.directory.root.name} --run {one.id} --beside {other.store.directory.root.name} --beside-run {other.id}",
        files=files(alone[0]),
    )


def _together(names: list[str], figures: list[list[Figure]]) -> list[Figure]:
    """Pictures of both by caption: over one another where they can be, else one after the other, each with its name."""
    found: list[Figure] = []
    for caption in dict.fromkeys(figure.caption for of in figures for figure in of):
        each = {
            name: [
                replace(figure, caption=f"{caption} – {name}") for figure in of if figure.caption == caption
            ][:1]
            for name, of in zip(names, figures, strict=True)
        }
        found += beside(each)
    return found


def _differences(names: list[str], one: list[Figure], other: list[Figure]) -> tuple[list[Figure], list[str]]:
    """What the second has more than the first, of every map that both have, and why of some there is no difference."""
    theirs, found, why = {figure.caption: figure for figure in other}, [], []
    for figure in one:
        twin = theirs.get(figure.caption)
        if twin is None or not (_has_map(figure.drawn) and _has_map(twin.drawn)):
            continue
        try:
            between = difference(twin.drawn, figure.drawn, figure.caption)
        except UserError as error:
            why.append(str(error))
            continue
        drawn = difference_map(between, names[1], names[0])
        found.append(
            Figure(
                drawn,
                f"{figure.caption} – the difference",
                "Red: more in the second. White: the same in both.",
            )
        )
    return found, why


def _has_map(drawn: Drawn) -> bool:
    return any(trace.type == "heatmap" for trace in drawn.figure.data)
