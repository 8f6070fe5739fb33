"""What is packed is what xarray packs, and reads as the same wherever it is read."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr

from ontogeny.store import netcdf


@pytest.fixture
def everything() -> xr.Dataset:
    """Every kind of value, axis and attribute that a result may have."""
    waves = np.arange(24, dtype="float32").reshape(2, 3, 4)
    waves[0, 1, 2], waves[1, 0, 0] = np.nan, np.inf
    about = {f"attribute {n}": n for n in range(20)}  # HDF5 stores more than eight another way
    return xr.Dataset(
        {
            "waves": (("step", "side", "place"), waves, {"units": "nats", "long_name": "große Wellen", **about}),
            "double": ("step", [1.5, np.nan]),
            "whole": ("step", np.array([2**40, -1])),
            "small": ("step", np.array([1, 255], "uint8")),
            "true": ("step", [True, False]),
            "words": ("side", ["ä", "", "b c"]),
            "one": ((), 3),
            "said": ((), "no"),
            "none": ("nothing", np.zeros(0, "float32")),
        },
        coords={"step": [0, 10], "side": ["left", "mid", "right"], "epoch": ("step", [0.0, 2.5]), "run": "3be8"},
        attrs={"lens": "waves", "count": 3, "share": 0.25, "yes": True, "options": {"k": [1, 2]}, "of": None},
    )  # fmt: skip


def plain(data: xr.Dataset) -> xr.Dataset:
    """With the attributes that NetCDF can hold."""
    return data.assign_attrs({**data.attrs, "yes": 1, "options": '{"k": [1, 2]}', "of": "null"})


@pytest.mark.parametrize("reader", ["ours", "h5netcdf", "netcdf4"])
def test_it_comes_back_as_it_was(everything, tmp_path, reader):
    path = tmp_path / "x.nc"
    path.write_bytes(netcdf.packed(everything))
    if reader == "netcdf4":
        pytest.importorskip("netCDF4")
    back = netcdf.unpacked(path) if reader == "ours" else xr.load_dataset(path, engine=reader)
    xr.testing.assert_identical(back, plain(everything))
    assert {n: v.dtype.kind for n, v in back.items()} == {n: v.dtype.kind for n, v in everything.items()}


def test_what_xarray_writes_is_read_too(everything, tmp_path):
    plain(everything).to_netcdf(tmp_path / "x.nc", engine="h5netcdf")
    xr.testing.assert_identical(netcdf.unpacked(tmp_path / "x.nc"), plain(everything))


def test_the_same_data_are_the_same_bytes(everything):
    assert netcdf.packed(everything) == netcdf.packed(everything.copy(deep=True))
