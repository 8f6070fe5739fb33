"""Which studies lie under the folders that were opened. What a browser asks for is looked up here; it is never made into a path."""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ontogeny.errors import UnknownName, UserError

DEEP = 4  # folders below the one that was opened in which a study is looked for
#: Large folders of a study in which no other study lies.
INSIDE = {"runs", "comparisons", "recipes", "report", "jobs", "shards"}


@dataclass(frozen=True)
class Place:
    """Where a study lies, and the word by which addresses name it."""

    key: str
    root: Path


class Folders:
    """The folders that were opened, and nothing outside of them."""

    def __init__(self, given: Iterable[str | Path]) -> None:
        self.roots = tuple(dict.fromkeys(Path(one).resolve() for one in given))
        for root in self.roots:
            if not root.is_dir():
                raise UserError(
                    f"There is no directory {root} to open; give the folder in which studies lie."
                )

    def places(self) -> list[Place]:
        """Every study, by address. Read afresh, so that a new one appears; only names are read."""
        found: dict[str, Place] = {}
        for root in self.roots:
            for folder in _studies(root, DEEP):
                if self.holds(folder):
                    name = folder.relative_to(root.parent if folder == root else root)
                    key = _free(_word("~".join(name.parts)), found)
                    found[key] = Place(key, folder)
        return list(found.values())

    def place(self, key: str) -> Place:
        """The study of an address; a miss names its neighbours."""
        places = {one.key: one for one in self.places()}
        if key not in places:
            raise UnknownName("study", key, places)
        return places[key]

    def holds(self, path: Path) -> bool:
        """Whether a path, its links followed, lies inside."""
        real = path.resolve()
        return any(real.is_relative_to(root) for root in self.roots)

    def strays(self, root: Path) -> str:
        """The first link in a study that leads out of the folders, in words; "" if there is none."""
        for link in _links(root):
            if not self.holds(link):
                return (
                    f"{link} is a link that leads out of the folders that were opened, so this study is not read. Replace the link by what "
                    "it points to, or open that folder as well."
                )
        return ""


def _studies(folder: Path, deep: int) -> Iterator[Path]:
    if (folder / "study.toml").is_file():
        yield folder
    elif deep:
        for one in sorted(_entries(folder), key=lambda entry: entry.name):
            if one.is_dir() and not one.name.startswith(".") and one.name not in INSIDE:
                yield from _studies(Path(one.path), deep - 1)


def _links(folder: Path) -> Iterator[Path]:
    for one in _entries(folder):
        if one.is_symlink():
            yield Path(one.path)
        elif one.is_dir():
            yield from _links(Path(one.path))


def _entries(folder: Path) -> Sequence[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as entries:
            return list(entries)
    except OSError:
        return []


def _word(name: str) -> str:
    """What can stand in an address as it is."""
    return re.sub(r"[^\w~.-]+", "-", name).strip(".-") or "study"


def _free(word: str, taken: dict[str, Any]) -> str:
    number = 2
    free = word
    while free in taken:
        free, number = f"{word}-{number}", number + 1
    return free


def brief(place: Place) -> dict[str, Any]:
    """What a list says of a study without opening it: its recipe's words, and how many folders of runs there are."""
    try:
        recipe = tomllib.loads((place.root / "study.toml").read_text(encoding="utf-8"))
        wrong = ""
    except (OSError, ValueError) as error:
        recipe, wrong = {}, f"study.toml cannot be read: {error}"
    said = {key: str(recipe.get(key, "")) for key in ("name", "title", "question")}
    runs = sum(one.is_dir() for one in _entries(place.root / "runs"))
    documents = {"findings": "findings.json", "report": "report/index.html"}
    there = [what for what, name in documents.items() if (place.root / name).is_file()]
    return {"key": place.key, "path": str(place.root), **said, "runs": runs, "has": there, "wrong": wrong}
