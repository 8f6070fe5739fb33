"""A comparison of arrays as a page: its pictures, each with how to read it, and its table."""

from __future__ import annotations

from ontogeny.errors import UserError
from ontogeny.report.assemble import docstring
from ontogeny.report.document import Document, Figure, Section
from ontogeny.representations import Comparison, pictures

CAPTIONS = {
    "number_line": "All measures on one line, beside chance and ceiling",
    "pair_grid": "Every pair",
    "matched_units": "The units that were matched",
    "similarity_heatmap": "All of them in the order of a tree",
    "similarity_map": "A map of them",
}
COLUMNS = [
    "first",
    "second",
    "measure",
    "kind",
    "null",
    "value",
    "low",
    "high",
    "null_mean",
    "null_sd",
    "z",
    "p",
    "p_adjusted",
    "ceiling",
]


def document(result: Comparison, title: str, picture: str = "") -> Document:
    """All pictures, or the one that was asked for."""
    functions = pictures.functions()
    figures, notes = [], []
    for name, options in _wanted(result, picture):
        try:
            drawn = result.draw(name, **options)
        except UserError as error:
            if picture:
                raise
            notes.append(str(error))
            continue
        measure = options.get("measure")
        by = f" by {result[measure]['label'].item()}" if measure else ""
        figures.append(Figure(drawn, CAPTIONS[name] + by, docstring(functions[name])))
    table = result.to_dataframe()
    shown = [c for c in COLUMNS if table[c].notna().any()]
    sections = [
        Section("Pictures", figures=figures[1:], note=" ".join(notes)),
        Section("Every number", table=table[shown], note=" ".join(f"{w}." for w in result.warnings)),
    ]
    return Document(
        title=title,
        question="How alike are these, and is that more than chance?",
        answer=[figures[0].drawn.says],
        sections=sections if figures[1:] or notes else sections[1:],
        provenance={str(k): v for k, v in result.data.attrs.items()},
        picture=figures[0],
    )


def _wanted(result: Comparison, picture: str) -> list[tuple[str, dict[str, str]]]:
    """Picture and options: of a grid one for each measure, of runs a tree and a map by the first."""
    there = (picture,) if picture else result.pictures
    names = [str(m) for m in result.data["measure"].values]
    found: list[tuple[str, dict[str, str]]] = []
    for name in there:
        if name == "pair_grid":
            found += [(name, {"measure": m}) for m in names]
        elif name == "similarity_heatmap":
            found.append((name, {"measure": names[0], "order": "clustered"}))
        elif name == "similarity_map":
            found.append((name, {"measure": names[0]}))
        elif picture or result.data.sizes["first"] == result.data.sizes["second"] == 1:
            found.append((name, {}))
    return found
