"""What was set aside while looking: views with notes, in order, and interventions under a name; and the report that becomes of it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from ontogeny import registry
from ontogeny.errors import UserError
from ontogeny.report import html, markdown, pdf
from ontogeny.report.assemble import files, how_to_read, provenance
from ontogeny.report.document import Document, Figure, Section
from ontogeny.report.words import plain as in_words
from ontogeny.store.files import read_json, write_json, write_text
from ontogeny.store.seal import ROOM
from ontogeny.views.base import Drawn
from ontogeny.workbench.figures import Asked, Figures
from ontogeny.workbench.library import Opened

FOLDER = "workbench"
ITEM = {
    "view": str,
    "runs": list,
    "step": int,
    "options": dict,
    "under": list,
    "note": str,
    "title": str,
    "single": bool,
}
FORMATS = ("html", "md", "pdf")
MOST = 200  # views of one report, and interventions of one study


def kept(root: Path, what: str) -> list[dict[str, Any]]:
    """What was set aside of one kind (``report`` or ``interventions``)."""
    path = _path(root, what)
    return list(read_json(path)["items"]) if path.is_file() else []


def keep(root: Path, what: str, items: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Set aside these instead of what was."""
    if len(items) > MOST:
        raise UserError(f"{len(items)} were to be kept; {MOST} are the most.")
    checked = [_checked(one) for one in items] if what == "report" else [dict(one) for one in items]
    write_json(_path(root, what), {"items": checked})
    return checked


def _path(root: Path, what: str) -> Path:
    if what not in ("report", "interventions"):
        raise UserError(f"Nothing called '{what}' is kept; known: report, interventions.")
    return root / FOLDER / f"{what}.json"


def _checked(item: Mapping[str, Any]) -> dict[str, Any]:
    """A view with its note, of known keys alone."""
    known = {key: one for key, one in item.items() if key in ITEM and isinstance(one, ITEM[key])}
    registry.views[str(known.get("view", ""))]  # a miss names its neighbours
    return known


def document(
    opened: Opened, figures: Figures, items: Sequence[Mapping[str, Any]], title: str = ""
) -> Document:
    """The views in their order, each with its note."""
    store = opened.store
    return Document(
        title=title or f"{store.study.title or store.study.name} – what was seen",
        question=store.study.question,
        answer=[],
        sections=[_section(opened, figures, item) for item in items],
        provenance=provenance(store),
        made_by=f"ontogeny workbench {opened.place.root.name}",
        files=files(store),
    )


def _section(opened: Opened, figures: Figures, item: Mapping[str, Any]) -> Section:
    asked = asked_of(item)
    view = registry.views[asked.view]
    names = ", ".join(opened.run(id).name for id in asked.runs if id != "*")
    heading = str(item.get("title") or view.title) + (f" – {names}" if names else "")
    at = f" at step {item['step']:,}" if "step" in item else ""
    try:
        drawn = figures.drawn(opened, asked)
    except UserError as error:
        return Section(heading, str(item.get("note", "")), note=f"“{view.title}” is not drawn: {error}")
    begun = replace(drawn, says=in_words(drawn.says), start=start_of(drawn, item.get("step")))
    return Section(
        heading, str(item.get("note", "")), [Figure(begun, f"{view.title}{at}", how_to_read(asked.view))]
    )


def asked_of(item: Mapping[str, Any]) -> Asked:
    """The figure that an item is of: where only one step was read, that step; else all, beginning at it."""
    single = item.get("single")
    return Asked(
        str(item["view"]),
        tuple(map(str, item.get("runs", ("*",)))),
        int(item["step"]) if single and "step" in item else None,
        json.dumps(item.get("options", {})),
        json.dumps(item.get("under", [])),
    )


def start_of(drawn: Drawn, step: int | None) -> int | None:
    """The tick at which the cursor stood."""
    places = drawn.cursors.get("step", [])
    if step is None or len(places) < 2:
        return drawn.start
    return max((i for i, there in enumerate(places) if there <= step), default=0)


def write(opened: Opened, figures: Figures, format: str) -> Path:
    """The report of what was set aside, as ``report/workbench.FORMAT``."""
    if format not in FORMATS:
        raise UserError(f"A report is {', '.join(FORMATS)}; asked for: {format}.")
    items = kept(opened.place.root, "report")
    if not items:
        raise UserError("Nothing was set aside yet: press the note beside a view to put it into the report.")
    page = document(opened, figures, items)
    path = opened.store.directory.report / f"workbench.{format}"
    if format == "pdf":
        return pdf.write(page, path)
    text = html.render(page) if format == "html" else markdown.render(page, path.parent / path.stem)
    write_text(path, f"<!-- {ROOM} made-from: -->\n{text}")
    return path
