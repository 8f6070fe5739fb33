"""A copy of the workbench over studies that opens from a file or any web server: the same viewer, and the answers it would have been given.

    SITE/index.html · viewer.js · viewer.css · plotly.js · answers/<n>.js, each a script that hands its answers over

Pages opened from a file may not fetch; they may load scripts. So answers are scripts, found by the question: its path and sorted query.
"""

from __future__ import annotations

import base64
import html
import inspect
import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote

import plotly.offline

from ontogeny.errors import UserError
from ontogeny.workbench import viewer
from ontogeny.workbench.library import Library
from ontogeny.workbench.packing import plain
from ontogeny.workbench.questions import QUESTIONS, Questions

SIZES = ("32",)  # of the maps that the mosaic shows unless told otherwise
MOMENTS = 24  # steps at which maps are exported, evenly among those that were kept
RUNS = 8  # of a study, at length; all are in its table
TOGETHER = 2 * 2**20  # bytes of answers in one script

PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark"><title>{title}</title><link rel="icon" href="data:,">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; script-src 'self' file:; style-src 'self' 'unsafe-inline' file:; img-src data: blob:; base-uri 'none'; form-action 'none'">
<link rel="stylesheet" href="viewer.css"><script src="answers.js"></script><script src="viewer.js" defer></script></head>
<body><div id="app" class="ontogeny"></div></body></html>
"""

Progress = Callable[[str, int, int], None]


def key_of(path: str, given: dict[str, Any]) -> str:
    """A question as the viewer writes it: the path, and what is given in the order of its names."""
    words = "&".join(f"{name}={quote(str(value), safe='')}" for name, value in sorted(given.items()))
    return f"{path}?{words}"


@dataclass
class Site:
    """Answers on their way into scripts."""

    folder: Path
    index: dict[str, int] = field(default_factory=dict)
    waiting: dict[str, Any] = field(default_factory=dict)
    size: int = 0
    scripts: int = 0

    def put(self, key: str, said: Any) -> None:
        value = {"b": base64.b64encode(said).decode()} if isinstance(said, bytes) else {"j": plain(said)}
        self.waiting[key] = value
        self.index[key] = self.scripts
        self.size += len(said) * 4 // 3 if isinstance(said, bytes) else len(json.dumps(value))
        if self.size > TOGETHER:
            self.flush()

    def flush(self) -> None:
        """Write what waits as one script."""
        if self.waiting:
            text = json.dumps(self.waiting, separators=(",", ":")).replace("<", "\\u003c")
            path = self.folder / "answers" / f"{self.scripts}.js"
            path.write_text(f"ontogenyAnswers({self.scripts},{text});\n", encoding="utf-8")
            self.waiting, self.size, self.scripts = {}, 0, self.scripts + 1


def export(
    folders: Iterable[str | Path], site: Path, runs: int = RUNS, progress: Progress = lambda *_: None
) -> Path:
    """Write the copy; refuses a folder that holds something else."""
    site = Path(site)
    if site.exists() and (not site.is_dir() or (any(site.iterdir()) and not (site / "answers.js").is_file())):
        raise UserError(f"{site} holds something else; choose a new folder to export to.")
    asked = Questions(Library(folders, read_only=True))
    (site / "answers").mkdir(parents=True, exist_ok=True)
    for old in (site / "answers").glob("*.js"):
        old.unlink()
    answers = Site(site)
    for path, given in questions(asked, runs, progress):
        try:
            answers.put(key_of(path, given), answered(asked, path, given))
        except UserError as error:
            answers.put(key_of(path, given), {"error": str(error)})
    answers.flush()
    title = ", ".join(one["title"] or one["name"] for one in asked.library.briefs()) or "Ontogeny"
    (site / "index.html").write_text(PAGE.format(title=html.escape(title)), encoding="utf-8")
    (site / "answers.js").write_text(
        f"globalThis.ontogenyIndex = {json.dumps(answers.index)};\n", encoding="utf-8"
    )
    (site / "viewer.js").write_text(
        f"(() => {{\n{viewer.bundle('main_static.js')}\n}})();\n", encoding="utf-8"
    )
    (site / "viewer.css").write_bytes(viewer.files()["style.css"].read_bytes())
    (site / "plotly.js").write_text(plotly.offline.get_plotlyjs(), encoding="utf-8")
    return site / "index.html"


def answered(asked: Questions, path: str, given: dict[str, Any]) -> Any:
    """What the server would answer."""
    for (method, form), ask in QUESTIONS.items():
        if method == "GET" and (found := matched(form, path)) is not None:
            bound = inspect.signature(ask).bind(asked, **{k: str(v) for k, v in given.items()}, **found)
            return ask(*bound.args, **bound.kwargs)
    raise UserError(f"There is nothing at {path}.")


def matched(form: str, path: str) -> dict[str, str] | None:
    """What a path says at the places of its form, or None if it is of another form."""
    places, parts = form.split("/"), path.split("/")
    if len(places) != len(parts):
        return None
    found = {}
    for place, part in zip(places, parts, strict=True):
        if place.startswith("{"):
            found[place.strip("{}")] = part
        elif place != part:
            return None
    return found


def questions(asked: Questions, most: int, progress: Progress) -> Iterator[tuple[str, dict[str, Any]]]:
    """Everything that a reader of the copy may ask: every study and its table; of its first runs every view that is on disk."""
    yield "about", {}
    yield "studies", {}
    for brief in asked.library.briefs():
        study = f"s/{brief['key']}"
        for part in ("", "/runs", "/scalars", "/measures", "/jobs", "/kept/report"):
            yield study + part, {}
        for one in answered(asked, f"{study}/scalars", {}):
            yield f"{study}/column", {key: one[key] for key in ("lens", "variable", "place")}
        ids = answered(asked, f"{study}/runs", {})["columns"][0]["values"][:most]
        for i, id in enumerate(ids):
            progress(f"{brief['key']}: {id}", i, len(ids))
            yield from of_run(asked, study, id)
        for one in answered(asked, f"{study}/measures", {}):
            if one["there"]:
                options = json.dumps({"measure": one["name"]}, separators=(",", ":"))
                yield f"{study}/figure", {"runs": "*", "view": "similarity_heatmap", "options": options}
                yield f"{study}/null", {"measure": one["name"]}


def of_run(asked: Questions, study: str, id: str) -> Iterator[tuple[str, dict[str, Any]]]:
    run = f"{study}/r/{id}"
    yield run, {}
    yield f"{run}/metrics", {}
    yield f"{study}/events", {"runs": id}
    try:
        about = answered(asked, run, {})
    except UserError:
        return
    for view in (one for one in about["views"] if one["state"] == "ready"):
        given = {"runs": id, "view": view["name"]}
        yield f"{study}/figure", given
        try:
            figure = answered(asked, f"{study}/figure", given)
        except UserError:
            continue
        counts = {len(one["ticks"]) for one in figure["bindings"] if len(one["ticks"]) > 1}
        for count in counts:  # a copy holds all frames in one answer
            yield f"{study}/frames", {**given, "first": 0, "count": count}
    try:
        kinds = answered(asked, f"{run}/units", {})
    except UserError:
        yield f"{run}/units", {}
        return
    yield f"{run}/units", {}
    steps = about["steps"]
    shown = steps[:: max(1, len(steps) // MOMENTS)]
    for kind in kinds[:1]:
        for step in dict.fromkeys([*shown, steps[-1]]):
            for size in SIZES:
                yield f"{run}/mosaic", {"tap": kind["tap"], "step": step, "size": size}
        for one in kind["quantities"]:
            place = ",".join(map(str, one["place"]))
            yield (
                f"{run}/quantity",
                {"lens": one["lens"], "variable": one["variable"], "axis": one["axis"], "place": place},
            )
