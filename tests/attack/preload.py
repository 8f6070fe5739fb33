"""Everything that an attempt needs, imported and used once, in one thread: what forks it starts at once, with code read and
compiled."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

os.environ["OMP_NUM_THREADS"] = "1"
os.environ["NUMBA_NUM_THREADS"] = "1"


def preload() -> None:
    import h5netcdf  # noqa: F401
    import plotly.io  # noqa: F401
    import pyarrow.parquet  # noqa: F401
    import torch
    import xarray  # noqa: F401

    import ontogeny.check
    import ontogeny.interop.bring
    import ontogeny.report.assemble  # noqa: F401

    torch.set_num_threads(1)
    from tests.attack.kills import contents, do

    with tempfile.TemporaryDirectory() as place:
        do(Path(place) / "out")
        contents(Path(place) / "out")
