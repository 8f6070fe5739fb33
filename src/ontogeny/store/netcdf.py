"""Labelled arrays to and from the bytes of a NetCDF-4 file, which is an HDF5 file that keeps its axes as dimension scales.

What ``xarray.Dataset.to_netcdf`` and ``xarray.open_dataset`` would do, and xarray's own coding of names, texts, truth values and missing numbers.
These ask every axis of every variable of the file again and again, so that a small result takes 4 times as long to write and to read;
a study has thousands of them. Files are read by every NetCDF-4 library, and theirs here.
"""

from __future__ import annotations

import io
import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import xarray as xr

SMALLER = {"compression": "gzip", "compression_opts": 4, "shuffle": True}
#: How NetCDF-4 calls the scale of an axis that has no ticks.
NO_TICKS = "This is a netCDF dimension but not a netCDF variable."
#: Attributes by which NetCDF-4 says in HDF5 what a dimension is.
INNER = {"CLASS", "NAME", "DIMENSION_LIST", "REFERENCE_LIST", "_nc3_strict", "_NCProperties"}
INNER |= {"_Netcdf4Dimid", "_Netcdf4Coordinates"}


def packed(data: xr.Dataset) -> bytes:
    """The file of a data set. Attributes that NetCDF cannot hold are written as JSON."""
    import h5py
    from xarray import conventions

    coded, about = conventions.cf_encoder(*conventions.encode_dataset_coordinates(data))
    memory = io.BytesIO()
    with h5py.File(memory, "w", track_order=True) as file:
        items = {name: _kept(file, str(name), variable) for name, variable in coded.items()}
        for place, (dim, size) in enumerate(data.sizes.items()):
            scale = items.get(dim) or file.create_dataset(str(dim), shape=(size,), dtype=">f4")
            scale.make_scale(str(dim) if dim in items else f"{NO_TICKS}{size:10}")
            scale.attrs["_Netcdf4Dimid"] = place
        for name, variable in coded.items():
            for axis, dim in enumerate(variable.dims):
                if dim != name:
                    items[name].dims[axis].attach_scale(file[str(dim)])
            items[name].attrs.update(_plain(variable.attrs))
        file.attrs.update(_plain(about))
    return memory.getvalue()


def _kept(file: Any, name: str, variable: xr.Variable) -> Any:
    """The values of a variable, as HDF5 holds them."""
    import h5py

    values = variable.values
    if values.dtype.kind in "OUS":
        return file.create_dataset(name, data=values.astype(object), dtype=h5py.string_dtype())
    return file.create_dataset(name, data=values, **(SMALLER if values.ndim and values.size else {}))


def _plain(attributes: Mapping[Any, Any]) -> dict[str, Any]:
    """What NetCDF attributes can hold; the rest as JSON."""

    def plain(value: Any) -> Any:
        if isinstance(value, bool | np.bool_):
            return int(value)
        return value if isinstance(value, str | int | float | np.generic) else json.dumps(value, default=str)

    return {name: plain(value) for name, value in attributes.items()}


def unpacked(path: Path) -> xr.Dataset:
    """The data set of a file, in memory."""
    import h5py
    import xarray as xr

    with h5py.File(path) as file:
        stored = {name: item for name, item in file.items() if not _only_a_size(item)}
        variables = {name: _variable(file, name, item) for name, item in stored.items()}
        return xr.decode_cf(xr.Dataset(variables, attrs=_attributes(file)))


def _only_a_size(item: Any) -> bool:
    """A dimension without a variable of its name."""
    return bool(item.attrs.get("NAME", b"").startswith(NO_TICKS.encode()))


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
    values = np.asarray(item.asstr()[()], dtype=str) if text else item[()]
    return xr.Variable(dims, values, _attributes(item))


def _attributes(item: Any) -> dict[str, Any]:
    found = {name: item.attrs[name] for name in item.attrs if name not in INNER}
    return {
        name: value.reshape(-1)[0] if getattr(value, "size", 0) == 1 and value.ndim else value
        for name, value in found.items()
    }
