"""Results: labelled arrays as one NetCDF-4 file each, with what is behind them written inside."""

from __future__ import annotations

import json
import zlib
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ontogeny.errors import Damaged
from ontogeny.spelling import canonical
from ontogeny.store import netcdf, seal
from ontogeny.store.files import write_bytes
from ontogeny.store.headers import ResultFile

if TYPE_CHECKING:
    import xarray as xr


def stem(name: str, options: Mapping[str, Any], defaults: Mapping[str, Any]) -> str:
    """File name of a result: the lens's name, with a short code of the options that differ from its defaults."""
    different = {k: v for k, v in options.items() if canonical(v) != canonical(defaults.get(k))}
    return f"{name}-{zlib.crc32(canonical(different).encode()):08x}" if different else name


def write(path: Path, data: xr.Dataset, about: ResultFile) -> None:
    """Compressed, whole or not at all, and sealed."""
    said = json.dumps({**asdict(about), "sealed": True})
    # In memory first: HDF5 that fails to write, as on a full disk, takes the process down when its handles are closed.
    # HDF5 does not mind what comes behind its last byte.
    write_bytes(path, netcdf.packed(data.assign_attrs(ontogeny=said)) + seal.ROOM.encode())


def read(path: Path) -> xr.Dataset:
    """A result, in memory; a file whose checksums fail is named and not used."""
    seal.check(path)
    try:
        return netcdf.unpacked(path)
    except FileNotFoundError:
        raise
    except (OSError, ValueError, KeyError, RuntimeError) as error:
        raise Damaged(f"{path} is truncated or damaged ({error}); it is not used.", path) from None
