"""Recipes as a form and as text: what can be set, what is wrong at which key, and what carrying it out would mean."""

from __future__ import annotations

import re
import tempfile
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import MISSING, fields
from pathlib import Path
from typing import Any, Literal, get_args, get_origin, get_type_hints

import tomli_w

from ontogeny import expect, registry, sizes
from ontogeny.errors import UserError
from ontogeny.needs import inline
from ontogeny.options import describe
from ontogeny.overrides import set_path
from ontogeny.plan import make_plan
from ontogeny.progress import duration
from ontogeny.reference import MEANING
from ontogeny.store.directory import Directory
from ontogeny.store.index import Index
from ontogeny.study import Schedule, Seeds, Study, Training, built_in, load_study
from ontogeny.workbench.packing import plain

ROOMS = {
    "task": "tasks",
    "architecture": "architectures",
    "objective": "objectives",
    "optimiser": "optimisers",
}
LIMITS = {"gt": "more than", "ge": "at least", "lt": "less than", "le": "at most"}


def form() -> list[dict[str, Any]]:
    """Sections of the form; a section of parts has a list of fields for each kind."""
    head = [_field(Study.model_fields[name], name, name) for name in ("name", "title", "question")]
    sections: list[dict[str, Any]] = [{"name": "study", "title": "The study", "fields": head}]
    for room, rooms in ROOMS.items():
        kinds = [
            {"kind": kind, "help": describe(cls).replace("`", ""), "fields": list(settings(room, cls))}
            for kind, cls in getattr(registry, rooms).items()
        ]
        sections.append({"name": room, "title": room.capitalize(), "help": _words(room), "kinds": kinds})
    for table, model in (("train", Training), ("checkpoints", Schedule), ("seeds", Seeds)):
        of = [_field(one, f"{table}.{name}", name) for name, one in model.model_fields.items()]
        shown = [one for one in of if one["type"] != "table"]
        sections.append({"name": table, "title": table.capitalize(), "help": _words(table), "fields": shown})
    sections.append(
        {"name": "vary", "title": "What varies", "help": _words("vary"), "grid": True, "fields": []}
    )
    for rooms in ("lenses", "measures"):
        choices = [{"name": name, "words": one.question} for name, one in getattr(registry, rooms).items()]
        sections.append(
            {
                "name": rooms,
                "title": rooms.capitalize(),
                "help": _words(rooms),
                "choices": choices,
                "fields": [],
            }
        )
    return sections


def _words(key: str) -> str:
    """What a key is for, as the page of the recipe says it, without what it says of other places."""
    said = re.sub(r",? see \[.*?\]\(.*?\)|; of a .*", "", MEANING[key])
    return re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", said).replace("`", "")


def settings(room: str, cls: Any) -> Iterator[dict[str, Any]]:
    """Fields of a registered dataclass."""
    hints = get_type_hints(cls)
    for one in fields(cls):
        default = one.default if one.default is not MISSING else None
        required = one.default is MISSING and one.default_factory is MISSING
        kind, choices = _type(hints.get(one.name))
        said = {"path": f"{room}.{one.name}", "name": one.name, "type": kind, "choices": choices, "help": ""}
        yield {**said, "default": plain(default), "required": required, "limits": ""}


def _field(one: Any, path: str, name: str) -> dict[str, Any]:
    """A key of the schema."""
    kind, choices = _type(one.annotation)
    limits = ", ".join(
        f"{words} {getattr(m, w)}" for m in one.metadata for w, words in LIMITS.items() if hasattr(m, w)
    )
    default: Any = None if one.is_required() else one.default
    said = {"path": path, "name": name, "type": kind, "choices": choices, "help": _words(name)}
    default = default.model_dump(exclude_defaults=True) if hasattr(default, "model_dump") else default
    return {**said, "default": plain(default), "required": one.is_required(), "limits": limits}


def _type(hint: Any) -> tuple[str, list[str]]:
    """number, whole, text, yes, choice, list or table, and the choices."""
    if get_origin(hint) is Literal:
        return "choice", [str(one) for one in get_args(hint)]
    several = [one for one in get_args(hint) if one is not type(None)]
    if several and get_origin(hint) not in (list, tuple, dict):
        words = [word for one in several for word in _type(one)[1]]
        return (_type(several[0])[0] if not words or len(several) == 1 else "text"), words
    known = {bool: "yes", int: "whole", float: "number", str: "text"}
    if hint in known:
        return known[hint], []
    return ("list" if get_origin(hint) in (list, tuple) else "table"), []


# -- text ------------------------------------------------------------------------------------------------------------


def starts() -> list[dict[str, str]]:
    """Recipes to begin with: the built-in ones."""
    return [
        {"name": name, "text": path.read_text(encoding="utf-8")} for name, path in sorted(built_in().items())
    ]


def read(text: str) -> tuple[Study | None, list[dict[str, str]]]:
    """The study that a text says, or what is wrong with it and at which key."""
    try:
        base = tomllib.loads(text).get("extends")
    except tomllib.TOMLDecodeError as error:
        return None, [{"key": "", "text": f"This is not TOML: {error}."}]
    if base is not None and base not in built_in():  # a path would be read, wherever it leads
        known = ", ".join(sorted(built_in()))
        return None, [
            {
                "key": "extends",
                "text": f"Here a recipe can extend a built-in one ({known}); it asks for {base!r}.",
            }
        ]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "recipe.toml"
        path.write_text(text, encoding="utf-8")
        try:
            return load_study(path), []
        except (UserError, tomllib.TOMLDecodeError) as error:
            return None, [problem(str(error).replace(str(path), "the recipe"))]


def problem(said: str) -> dict[str, str]:
    """A complaint, and the key that it is about where it names one."""
    for pattern in (
        r"called '([\w.]+)'",
        r"recipe: ([\w.]+):",
        r"(task|architecture|objective|optimiser) '\w+': (\w+)",
        r"\b((?:task|architecture|objective|optimiser|train|vary|checkpoints|seeds|lenses|measures)\.[\w.]+)",
    ):
        if match := re.search(pattern, said):
            return {"key": ".".join(match.groups()), "text": said}
    if match := re.search(r"\b(lens|measure|task|architecture|objective|optimiser)\b", said):
        return {"key": {"lens": "lenses", "measure": "measures"}.get(match[1], match[1]), "text": said}
    return {"key": "", "text": said}


def values(text: str) -> dict[str, Any]:
    """What the text itself sets, as plain values."""
    try:
        return dict(plain(tomllib.loads(text)))
    except tomllib.TOMLDecodeError as error:
        raise UserError(f"This is not TOML: {error}.") from None


def changed(text: str, path: str, value: Any) -> str:
    """The text with one key set (or, with None, left out). Comments do not survive this: TOML is written anew."""
    data = tomllib.loads(text)
    *tables, key = path.split(".", 1) if path.startswith(("vary.", "crossed.")) else path.split(".")
    if value is None:
        place: Any = data
        for table in tables:
            place = place.get(table, {})
        place.pop(key, None)
        for table in tables:
            if data.get(table) == {} and table != "train":
                del data[table]
    else:
        room = tables[0] if tables else path
        if path in (f"{one}.kind" for one in ROOMS) and data.get(room, {}).get("kind") != value:
            data[room] = {"kind": value}
        else:
            set_path(data, f"{path}={inline(value)}")
    return tomli_w.dumps(data)


# -- what it would mean ----------------------------------------------------------------------------------------------


def preview(study: Study, out: Path) -> dict[str, Any]:
    """How many runs, what of it is there already, how large it will be; what is wrong is raised."""
    directory = Directory.create(out, study)
    members = expect.members_of(study, directory)
    expect.check(study, members)
    index = directory.index() if directory.study_file.is_file() else Index()
    expected = expect.expectations(study, members)
    plan = make_plan(expected, index)
    kept = {run.id: len(run.steps) + 1 for run in expected.runs}
    by_spec: dict[str, int] = {}
    disk = updates = 0
    for run, m in zip(expected.runs, members, strict=True):
        key = str(m.spec["architecture"]) + str(m.spec["task"].get("kind")) + str(m.spec["task"].get("p"))
        if key not in by_spec:
            by_spec[key] = sizes.sizes_of(m)["weights"]
        there = index.runs.get(run.id)
        done = (there.record.get("step") or 0) if there else 0
        updates += max(0, run.total - done)
        disk += (
            by_spec[key] * max(0, kept[run.id] - len(there.steps if there else ())) if run.total > done else 0
        )
    return {
        "runs": len(members),
        "there": sum(run.id in index.runs for run in expected.runs),
        "updates": updates,
        "disk": disk,
        "disk_words": sizes.words(disk),
        "plan": [{"stage": stage, "what": what, "why": why} for stage, what, why in plan.summary()],
        "notes": list(plan.warnings),
        "varied": sorted({name for m in members for name in m.varied}),
    }


def lasting(study: Study, out: Path) -> dict[str, Any]:
    """How long what is missing would train on this machine, from a few updates that are taken and thrown away."""
    directory = Directory.create(out, study)
    members = expect.members_of(study, directory)
    expect.check(study, members)
    index = directory.index() if directory.study_file.is_file() else Index()
    found = expect.time_to_train(study, members, index)
    words = duration(found.seconds) if found.updates else ""
    return {"seconds": found.seconds, "words": words, "updates": found.updates, "variants": found.variants}


def where(given: Mapping[str, Any]) -> str:
    """A name for a new folder, refused unless it is one word of a path."""
    name = str(given.get("folder", "")).strip()
    if not re.fullmatch(r"[\w][\w .+-]{0,80}", name):
        raise UserError(
            f"{name!r} cannot be the name of a folder: letters, digits, spaces, dots, + and -, and no slashes."
        )
    return name
