"""Everything that an attempt needs, imported once and computed with never: what forks it starts at once."""

from __future__ import annotations

import os

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
    from ontogeny import registry

    torch.set_num_threads(1)
    for room in (
        "tasks",
        "objectives",
        "architectures",
        "optimisers",
        "interventions",
        "lenses",
        "measures",
        "views",
        "findings",
    ):
        list(getattr(registry, room))
