"""What is in a study directory, in files that other tools read."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, get_args

import numpy as np
import torch
from safetensors.torch import save_file
from torch import Tensor

from ontogeny.errors import UnknownName, UserError
from ontogeny.handles import Run, Store, open_store
from ontogeny.interop import bundle, folder, sidecar, transformer_lens
from ontogeny.interop.dictionaries import saelens
from ontogeny.spelling import task_of
from ontogeny.store import results
from ontogeny.store.files import ASIDE, aside
from ontogeny.work.look import load

if TYPE_CHECKING:
    import xarray as xr

Format = Literal["safetensors", "npz", "zarr", "bundle", "transformer_lens", "saelens"]
FORMATS: tuple[Format, ...] = get_args(Format)


def export(
    directory: str | Path, format: Format, out: str | Path, *, run: str | None = None, step: int | None = None
) -> Path:
    """Write a study, or one ``run`` of it, or one ``step``, in another format; returns where it lies.

    ``safetensors`` and ``npz``: a directory with one file a run and step, ``<run>/step-<n>``, the metrics as CSV and, for
    safetensors, the ``runs.toml`` with which it imports again. ``zarr``: one group a run, weights (step, …) and results, labelled.
    ``bundle``: the whole study as one zip file. ``transformer_lens``: the state dict of one step, for ``load_state_dict``, and
    beside it ``OUT.toml`` with task, configuration, step and split, with which it imports as the run that it was. ``saelens``: one SAE as a
    folder that SAELens loads.

    Raises ``UserError`` for a place that is taken, for a run or step that is not there, and for models that a format cannot hold.
    """
    if format not in FORMATS:
        raise UnknownName("format", format, FORMATS)
    store, out = open_store(directory), Path(out)
    if out.exists():
        raise UserError(f"{out} exists already; choose another place for the export.")
    if format == "bundle":
        if run is not None or step is not None:
            raise UserError("A bundle holds the whole study; leave out --run and --step.")
        return bundle.write(store.directory, out)
    runs = (
        [store.run(run)]
        if run is not None
        else [store.run(e.id) for e in store.everything.entries() if e.checkpoints]
    )
    if not runs:
        raise UserError(f"{store.directory.root} has no runs with checkpoints to export.")
    if format in ("transformer_lens", "saelens"):
        if len(runs) != 1:
            ids = ", ".join(run.id for run in runs[:4])
            raise UserError(
                f"A {format} export is one model, and there are {len(runs)} runs ({ids}, …): say which with --run ID."
            )
        one = _transformer_lens if format == "transformer_lens" else _saelens
        return one(runs[0], -1 if step is None else step, out)
    write: dict[str, Callable[[Store, Sequence[Run], int | None, Path], None]] = {
        "safetensors": _safetensors,
        "npz": _npz,
        "zarr": _zarr,
    }
    unfinished = out.with_name(out.name + ASIDE)
    shutil.rmtree(unfinished, ignore_errors=True)
    try:
        write[format](store, runs, step, unfinished)
        unfinished.replace(out)
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)
    return out


def _steps(run: Run, step: int | None) -> list[int]:
    return run.steps if step is None else [run.step(step)]


def _safetensors(store: Store, runs: Sequence[Run], step: int | None, out: Path) -> None:
    import tomli_w

    said = []
    for run in runs:
        _each_step(run, step, out, lambda weights, path: save_file(weights, path.with_suffix(".safetensors")))
        spec = run.entry.record["spec"]
        about = {k: spec[k] for k in ("task", "architecture", "objective", "seeds", "split") if k in spec}
        about["task"] = task_of(spec)
        said.append({"varied": run.varied, "steps": f"{run.id}/step-{{step}}.safetensors", **about})
        said[-1] |= {"metrics": f"{run.id}/metrics.csv"} if _metrics(run, out) else {}
    (out / folder.NAME).write_text(tomli_w.dumps(_without_none({"run": said})), encoding="utf-8")


def _npz(store: Store, runs: Sequence[Run], step: int | None, out: Path) -> None:
    for run in runs:
        _each_step(
            run,
            step,
            out,
            lambda weights, path: np.savez(path.with_suffix(".npz"), **_arrays(weights)),  # type: ignore[arg-type]
        )
        _metrics(run, out)


def _each_step(
    run: Run, step: int | None, out: Path, save: Callable[[dict[str, Tensor], Path], None]
) -> None:
    (out / run.id).mkdir(parents=True)
    for s in _steps(run, step):
        save({n: w.contiguous() for n, w in run.weights(s).items()}, out / run.id / f"step-{s}")


def _metrics(run: Run, out: Path) -> bool:
    table = run.metrics()
    if len(table):
        table.to_csv(out / run.id / "metrics.csv")
    return bool(len(table))


def _zarr(store: Store, runs: Sequence[Run], step: int | None, out: Path) -> None:
    import xarray as xr

    try:
        import zarr  # noqa: F401
    except ImportError:
        raise UserError(
            "Zarr is not installed. `pip install 'ontogeny[zarr]'` brings it; --format npz needs nothing more."
        ) from None
    for run in runs:
        steps = _steps(run, step)
        weights = load(store.directory, run.entry, steps)
        axes = run.member.architecture.axes
        variables = {n: (("step", *_distinct(axes[n])), w) for n, w in _arrays(weights).items()}
        attrs = {"run": run.id, "study": store.study.name, "status": run.status}
        data = xr.Dataset(
            variables, {"step": steps}, {**attrs, **{f"varied_{k}": v for k, v in run.varied.items()}}
        )
        data.to_zarr(out, group=f"{run.id}/weights", mode="a", consolidated=False)
        for path in sorted(store.directory.run(run.id).results.glob("*.nc")):
            _without_encoding(results.read(path)).to_zarr(
                out, group=f"{run.id}/results/{path.stem}", mode="a", consolidated=False
            )
        _metrics(run, out)
    for path in sorted(store.directory.comparisons.glob("*.nc")):
        _without_encoding(results.read(path)).to_zarr(
            out, group=f"comparisons/{path.stem}", mode="a", consolidated=False
        )


def _without_encoding(data: xr.Dataset) -> xr.Dataset:
    """Without the NetCDF file's encoding, and with texts of any length: fixed lengths are outside Zarr's specification."""
    texts = {name: v.astype(object) for name, v in data.variables.items() if v.dtype.kind == "U"}
    return (
        data.drop_encoding()
        .assign({n: v for n, v in texts.items() if n in data})
        .assign_coords({n: v for n, v in texts.items() if n in data.coords})
    )


def _distinct(axes: Sequence[str]) -> list[str]:
    """An axis that a weight has twice is numbered the second time."""
    return [a if axes.index(a) == i else f"{a}_other" for i, a in enumerate(axes)]


def _saelens(run: Run, step: int, out: Path) -> Path:
    task = run.member.spec["task"]
    hook = task.get("tap", "") if task["kind"] == "activations" else ""
    unfinished = out.with_name(out.name + ASIDE)
    shutil.rmtree(unfinished, ignore_errors=True)
    try:
        saelens.write(run.subject(step), unfinished, hook=hook)
        unfinished.replace(out)
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)
    return out


def _transformer_lens(run: Run, step: int, out: Path) -> Path:
    weights = run.weights(step)
    if not transformer_lens.is_state_dict(weights):
        kind = run.entry.record["spec"]["architecture"]["kind"]
        raise UserError(f"Run {run.id} is of kind '{kind}'; TransformerLens holds transformers.")
    state = transformer_lens.to_state_dict(weights)
    with aside(out) as temporary:
        if out.suffix == ".safetensors":
            save_file(state, temporary)
        else:
            torch.save(state, temporary)
    spec = run.entry.record["spec"]
    about = {k: spec[k] for k in ("task", "architecture", "objective", "seeds", "split") if k in spec}
    configuration = transformer_lens.configuration(spec["architecture"], state)
    more = {"varied": run.varied, "step": run.step(step), "hooked_transformer": configuration}
    sidecar.write(out, {**about, **more})
    return out


def _arrays(weights: Mapping[str, Tensor]) -> dict[str, np.ndarray]:
    return {
        n: w.detach().cpu().float().numpy() if w.dtype == torch.bfloat16 else w.detach().cpu().numpy()
        for n, w in weights.items()
    }


def _without_none(x: Any) -> Any:
    if isinstance(x, Mapping):
        return {k: _without_none(v) for k, v in x.items() if v is not None}
    return [_without_none(v) for v in x] if isinstance(x, list | tuple) else x
