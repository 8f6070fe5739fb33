"""One checksum for every file of a study: a seal over its bytes and over the place where it lies.

A writer leaves ``ROOM`` for the seal where its format has some: a key of JSON, the metadata of safetensors and Parquet, the first
line of TOML, HTML and Markdown, behind the last byte of NetCDF. :func:`ontogeny.store.files.aside` fills it in before the file
appears. A flipped byte, a lost end, an edit by hand and the file of another run are then noticed by one rule where a file is read.

Of safetensors the header alone is hashed: it holds digests of the values, which are checked when values are loaded, so that
one step can be read without the others. A file without a seal is of version 0.1, and is read as it was then.
"""

from __future__ import annotations

import hashlib
import mmap
import re
import struct
from pathlib import Path

from ontogeny.errors import Damaged

MARK = b"ontogeny-seal:"
SIZE = 32  # hexadecimal digits
ROOM = MARK.decode() + "0" * SIZE
#: A seal one of whose own letters was altered; such a file would pass for one that never had a seal.
TORN = re.compile(
    b"(?:" + b"|".join(MARK[:i] + b"." + MARK[i + 1 :] for i in range(len(MARK))) + b")[0-9a-f]{%d}" % SIZE,
    re.DOTALL,
)
ROOT = ("study.toml", "findings.json")  # files of the study itself
OF_RUN = ("checkpoints", "resume", "results")  # folders of a run
BY_HAND = " If you edited it and mean what it says now, remove its seal (ontogeny-seal:…)."
TEXT = (".json", ".toml")


def fill(path: Path, becomes: Path) -> None:
    """Write the seal of the file at ``path`` into its room, if it left some, for the place that it will lie at."""
    with path.open("r+b") as handle:
        if path.stat().st_size and (found := _hash(handle.fileno(), becomes, ROOM.encode())):
            start, _, seal = found
            handle.seek(start)
            handle.write(seal)


def check(path: Path) -> bool:
    """Whether the file has a seal; raises ``Damaged`` if it is not what was sealed, or lies elsewhere than it was sealed for."""
    with path.open("rb") as handle:
        found = _hash(handle.fileno(), path) if path.stat().st_size else None
    if found and found[1] != found[2]:
        by_hand = BY_HAND if path.suffix in TEXT else ""
        raise Damaged(
            f"{path} was altered since it was written, or is another's; it is not used.{by_hand}", path
        )
    return found is not None


def place(path: Path) -> str:
    """Where a file lies, as far as it matters: the run and the folder, not the study, which may be moved."""
    parts = 1 if path.name in ROOT else 3 if path.parent.name in OF_RUN else 2
    return "/".join(path.absolute().parts[-parts:])


def _hash(file: int, path: Path, mark: bytes = MARK) -> tuple[int, bytes, bytes] | None:
    """Where the seal stands, what it says, and what it should say; ``mark``: ``ROOM`` where one is looked for that is still to be filled
    (a bundle is full of seals that are not its own)."""
    with mmap.mmap(file, 0, access=mmap.ACCESS_READ) as data:
        end = len(data)
        if path.suffix == ".safetensors" and end > 8:
            end = min(end, 8 + struct.unpack("<Q", data[:8])[0])
        start = data.find(mark, 0, end)
        if start < 0:
            torn = mark == MARK and TORN.search(data, 0, end) is not None
            return (0, b"torn", b"") if torn else None
        start += len(MARK)
        state = hashlib.blake2b(digest_size=SIZE // 2, key=place(path).encode()[-64:])
        with memoryview(data) as view:
            state.update(view[:start])
            state.update(view[start + SIZE : end])
        return start, data[start : start + SIZE], state.hexdigest().encode()
