"""Ways to damage a file of a study, and what a check says of each kind of file damaged in each way."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

from ontogeny.check import check
from ontogeny.store.kinds import KINDS, Kind

KINDS_AT_REST = tuple(
    k
    for k in KINDS
    if k.name
    not in (
        "metrics of a run in training",
        "picture of a report",
        "data of a report",
        "recipe of a report",
        "events",
        "lease",
        "what the workbench set aside",
        "report in PDF",
        "job of the workbench",
        "log of a job",
        "recipe of a job",
        "lock",
    )
)
HARMLESS = {  # nothing is wrong with the study, and the next command that needs the file makes it
    ("recipe of before", "deleted"),
    ("recipe of before", "swapped"),
    ("resume point", "deleted"),
    ("pairs of a measure", "deleted"),
    ("pairs of a measure", "swapped"),  # each number is kept by what it compares
    ("report of chosen runs", "deleted"),
    ("report in Markdown", "deleted"),
    ("index", "deleted"),
    ("index", "swapped"),
}


def flip(path: Path, place: int) -> None:
    data = bytearray(path.read_bytes())
    data[place] ^= 0x20
    path.write_bytes(data)


def flip_data(path: Path) -> None:
    """One bit where the values are: in the middle, for safetensors in the last value."""
    size = path.stat().st_size
    flip(path, size - 3 if path.suffix == ".safetensors" else size // 2)


def flip_header(path: Path) -> None:
    """One bit of the first lines, behind what says which format it is."""
    if path.suffix == ".safetensors":  # its keys stand in another order each time
        return flip(path, path.read_bytes().index(b'"dtype"') + 1)
    flip(path, 24 if path.suffix in (".nc", ".parquet") else 60 if path.suffix != ".toml" else 50)


def truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size * 2 // 3])


def delete(path: Path) -> None:
    path.unlink()


def swap(path: Path, root: Path, other: Path, kind: Kind) -> None:
    """The file of another run; where a study has one such file, that of another study."""
    inside = [p for p in sorted(root.glob(kind.pattern)) if p != path and p.name == path.name]
    outside = [p for p in sorted(other.glob(kind.pattern)) if p.name == path.name]
    source = (inside or outside or sorted(other.glob(kind.pattern)))[0]
    shutil.copy2(source, path)


DAMAGES: dict[str, Callable[..., None]] = {
    "byte flipped in the data": flip_data,
    "byte flipped in the header": flip_header,
    "truncated": truncate,
    "deleted": delete,
    "swapped": swap,
}


def one_of(root: Path, kind: Kind) -> Path:
    """A file of this kind, of the run in the middle."""
    found = sorted(root.glob(kind.pattern))
    assert found, f"the study has no {kind.name}"
    return found[len(found) // 2]


def apply(damage: str, path: Path, root: Path, other: Path, kind: Kind) -> None:
    if damage == "swapped":
        swap(path, root, other, kind)
    else:
        DAMAGES[damage](path)


def outcome(root: Path, path: Path) -> str:
    """What a check says: the file is damaged, something is stale, or nothing is wrong."""
    health = check(root)
    if any(one.what == path.relative_to(root).as_posix() for one in health.of("damaged")):
        return "damaged"
    return "whole" if health.sound else "stale"
