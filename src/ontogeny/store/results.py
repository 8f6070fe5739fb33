"""Results: labelled arrays as one NetCDF-4 file each, with what is behind them written inside."""

from __future__ import annotations

import json
import zlib
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ontogeny.errors import Damaged
from ontogeny.store import seal
from ontogeny.store.files import write_bytes
from ontogeny.store.headers import ResultFile
from ontogeny.study import canonical

if TYPE_CHECKING:
    import xarray as xr


def stem(name: str, options: Mapping[str, Any], defaults: Mapping[str, Any]) -> str:
    """File name of a result: the lens's name, with a short code of the options that differ from its defaults."""
    different = {k: v for k, v in options.items() if canonical(v) != canonical(defaults.get(k))}
    return f"{name}-{zlib.crc32(canonical(different).encode()):08x}" if different else name


def write(path: Path, data: xr.Dataset, about: ResultFile) -> None:
    """Compressed, whole or not at all, and sealed."""
    data = data.copy()
    data.attrs = {k: _attribute(v) for k, v in data.attrs.items()}
    data.attrs["ontogeny"] = json.dumps({**asdict(about), "sealed": True})
    encoding: dict[Any, dict[str, Any]] = {}
    for name, variable in data.variables.items():
        variable.attrs = {k: _attribute(v) for k, v in variable.attrs.items()}
        if variable.ndim and variable.dtype.kind in "fiub":
            encoding[name] = {"zlib": True, "complevel": 4, "shuffle": True}
    # In memory first: HDF5 that fails to write, as on a full disk, takes the process down when its handles are closed.
    # HDF5 does not mind what comes behind its last byte.
    write_bytes(path, bytes(data.to_netcdf(engine="h5netcdf", encoding=encoding)) + seal.ROOM.encode())


def read(path: Path) -> xr.Dataset:
    """A result, in memory; a file whose checksums fail is named and not used.

    What ``xarray.open_dataset`` would give, without its asking every dimension of every variable of the file again and again:
    opening the results of a study that way takes four times as long.
    """
    import h5py
    import xarray as xr

    seal.check(path)
    try:
        with h5py.File(path) as file:
            stored = {name: item for name, item in file.items() if not _only_a_size(item)}
            variables = {name: _variable(file, name, item) for name, item in stored.items()}
            return xr.decode_cf(xr.Dataset(variables, attrs=_attributes(file)))
    except FileNotFoundError:
        raise
    except (OSError, ValueError, KeyError, RuntimeError) as error:
        raise Damaged(f"{path} is truncated or damaged ({error}); it is not used.", path) from None


#: Attributes by which NetCDF-4 says in HDF5 what a dimension is.
INNER = {"CLASS", "NAME", "DIMENSION_LIST", "REFERENCE_LIST", "_nc3_strict", "_NCProperties"}
INNER |= {"_Netcdf4Dimid", "_Netcdf4Coordinates"}


def _only_a_size(item: Any) -> bool:
    """A dimension without a variable of its name."""
    return bool(
        item.attrs.get("NAME", b"").startswith(b"This is a netCDF dimension but not a netCDF variable")
    )


def _variable(file: Any, name: str, item: Any) -> xr.Variable:
    """One variable as it is stored: an axis of its own, or over the axes that it refers to."""
    import h5py
    import xarray as xr

    scales = item.attrs.get("DIMENSION_LIST")
    if scales is not None:
        dims = [file[scale[0]].name.removeprefix("/") for scale in scales]
    else:
        dims = [name] * item.ndim
    text = h5py.check_string_dtype(item.dtype)
    return xr.Variable(dims, item.asstr()[()].astype(str) if text else item[()], _attributes(item))


def _attributes(item: Any) -> dict[str, Any]:
    return {
        name: value.reshape(-1)[0] if getattr(value, "size", 0) == 1 and value.ndim else value
        for name, value in item.attrs.items()
        if name not in INNER
    }


def _attribute(value: Any) -> Any:
    """What NetCDF attributes can hold; the rest as JSON."""
    if isinstance(value, bool):
        return int(value)
    return value if isinstance(value, str | int | float) else json.dumps(value, default=str)
