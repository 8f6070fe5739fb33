"""Results: labelled arrays as one NetCDF-4 file each, with what is behind them written inside."""

from __future__ import annotations

import json
import zlib
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ontogeny.errors import Damaged
from ontogeny.store.files import write_bytes
from ontogeny.store.index import ResultFile
from ontogeny.study import canonical

if TYPE_CHECKING:
    import xarray as xr


def stem(name: str, options: Mapping[str, Any], defaults: Mapping[str, Any]) -> str:
    """File name of a result: the lens's name, with a short code of the options that differ from its defaults."""
    different = {k: v for k, v in options.items() if canonical(v) != canonical(defaults.get(k))}
    return f"{name}-{zlib.crc32(canonical(different).encode()):08x}" if different else name


def write(path: Path, data: xr.Dataset, about: ResultFile) -> None:
    """Compressed, with a checksum on every chunk, whole or not at all."""
    data = data.copy()
    data.attrs = {k: _plain(v) for k, v in data.attrs.items()}
    data.attrs["ontogeny"] = json.dumps(asdict(about))
    encoding: dict[Any, dict[str, Any]] = {}
    for name, variable in data.variables.items():
        variable.attrs = {k: _plain(v) for k, v in variable.attrs.items()}
        if variable.ndim and variable.dtype.kind in "fiub":
            encoding[name] = {"zlib": True, "complevel": 4, "shuffle": True, "fletcher32": True}
    # In memory first: HDF5 that fails to write, as on a full disk, takes the process down when its handles are closed.
    write_bytes(path, bytes(data.to_netcdf(engine="h5netcdf", encoding=encoding)))


def read(path: Path) -> xr.Dataset:
    """A result, in memory; a file whose checksums fail is named and not used."""
    import xarray as xr

    try:
        with xr.open_dataset(path, engine="h5netcdf") as data:
            return data.load()
    except FileNotFoundError:
        raise
    except (OSError, ValueError, KeyError, RuntimeError) as error:
        raise Damaged(f"{path} is truncated or damaged ({error}); it is not used.", path) from None


def _plain(value: Any) -> Any:
    """What NetCDF attributes can hold; the rest as JSON."""
    if isinstance(value, bool):
        return int(value)
    return value if isinstance(value, str | int | float) else json.dumps(value, default=str)
