"""How much a file from elsewhere may be once it is unpacked, said before memory is asked for."""

from __future__ import annotations

import re
import zipfile
from collections.abc import Iterable
from dataclasses import dataclass, fields, replace
from pathlib import Path

from ontogeny.errors import Damaged, Refused, UnknownName, UserError

UNITS = {"": 1, "K": 2**10, "M": 2**20, "G": 2**30, "T": 2**40}


@dataclass(frozen=True)
class Limits:
    """``bytes``: of everything once it is unpacked; ``members``: files of an archive, or operations of a pickle; ``ratio``:
    unpacked to packed, of every member of more than 1 MiB; ``nesting``: containers within containers."""

    bytes: int = 8 * 2**30
    members: int = 5_000_000
    ratio: int = 200
    nesting: int = 100

    def refuse(self, what: str, found: float, limit: str) -> None:
        """Raise ``Refused`` where something is more than the limit of this name."""
        if found > (most := getattr(self, limit)):
            raise Refused(
                f"{what}: {found:,.0f}, and the limit is {most:,}. If you trust it: --limit {limit}={_round(found)}."
            )

    def archive(self, archive: zipfile.ZipFile) -> None:
        """Refuse a zip file by what its directory says; members that turn out longer are cut off where they are read."""
        members = archive.infolist()
        self.refuse("files in the archive", len(members), "members")
        self.refuse("bytes when unpacked", sum(one.file_size for one in members), "bytes")
        for one in members:
            if one.file_size > 2**20:
                packed = max(one.compress_size, 1)
                self.refuse(
                    f"bytes of '{one.filename}' for one that is packed", one.file_size / packed, "ratio"
                )


def _round(found: float) -> str:
    """A size that is enough, as a person writes it."""
    unit = next(u for u in "TGMK" if found >= UNITS[u]) if found >= 2**10 else ""
    return f"{-(-int(found) // UNITS[unit])}{unit}"


def limits(given: Iterable[str] = (), base: Limits | None = None) -> Limits:
    """``["bytes=16G", "ratio=1000"]`` over the defaults."""
    found = base or Limits()
    names = [one.name for one in fields(Limits)]
    for text in given:
        name, _, value = text.partition("=")
        if name not in names:
            raise UnknownName("limit", name, names, "Write --limit bytes=16G.")
        match = re.fullmatch(r"(\d+)([KMGT]?)", value.strip())
        if not match:
            raise UserError(
                f"--limit {text}: write a whole number, with K, M, G or T behind it if you like: bytes=16G."
            )
        found = replace(found, **{name: int(match[1]) * UNITS[match[2]]})
    return found


def unpacked_bytes(path: Path) -> int:
    """How many bytes a table or a result of a bundle becomes when it is read, by what its header says."""
    if path.suffix == ".parquet":
        import pyarrow.parquet as pq

        about = pq.read_metadata(path)
        wide = about.num_rows * max(about.num_columns, 1) * 8
        return max(wide, sum(about.row_group(i).total_byte_size for i in range(about.num_row_groups)))
    if path.suffix != ".nc":
        return path.stat().st_size
    import h5py

    sizes: list[int] = []
    try:
        with h5py.File(path) as file:
            file.visititems(lambda _, item: sizes.append(int(getattr(item, "nbytes", 0))))
    except (OSError, RuntimeError) as error:
        raise Damaged(f"{path} is truncated or damaged ({error}).", path) from None
    return sum(sizes)
