"""Whatever has a map over the grid (neurons, heads, logits, atoms) as a mosaic of small maps, and one of them at length."""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from ontogeny import registry
from ontogeny.axes import AXES
from ontogeny.badges import badges
from ontogeny.errors import UnknownName, UserError
from ontogeny.models.sites import find
from ontogeny.numerics.fourier import fold
from ontogeny.numerics.fourier2d import harmonics_2d
from ontogeny.numerics.map_correlation import most_alike
from ontogeny.one_run import Run
from ontogeny.workbench.library import Opened
from ontogeny.workbench.packing import bytes_of, pack, plain

ROLES = "head_roles"  # says what heads do
LENS = "grid_activations"  # gives the map of every unit of a tap
#: By what units can be grouped: words, the lens, its options.
WAYS: dict[str, tuple[str, str, dict[str, Any]]] = {
    "spectrum": ("spectrum", "neuron_clusters", {"by": "spectrum"}),
    "map": ("map", "neuron_clusters", {"by": "map"}),
    "history": ("history over training", "neuron_histories", {}),
}
#: Axes along which the units of a tap may stand; a tap with any other (a position, a coordinate of a basis nobody chose) is not offered.
UNITS = ("neuron", "d_hidden", "head", "key", "output", "atom")
#: What is shown first: units behind their non-linearity.
FIRST = ("hook_post", "hook_hidden", "hook_acts")
MOST_UNITS = 8192
OTHERS = 3  # other seeds in which they are looked for
MOMENTS = 10  # steps in the history of a map
MOST_KEPT = 192 * 2**20  # bytes of maps
MOST_PLACES = 32  # of one variable: the share at every frequency is a spectrum, not a quantity


@dataclass(frozen=True)
class Kind:
    """One kind of unit: the tap where they stand and its axes."""

    tap: str
    axes: tuple[str, ...]

    @property
    def words(self) -> str:
        if self.tap == "outputs":
            return "logits"
        what = {"neuron": "neurons", "d_hidden": "hidden units", "head": "heads", "atom": "atoms"}.get(
            self.axes[0], self.axes[0]
        )
        place = (
            self.tap.removeprefix("last:").replace("hook_", "").replace("blocks.", "layer ").replace(".", " ")
        )
        return f"{what} · {place}"


def kinds(opened: Opened, run: Run) -> list[Kind]:
    """What of a run has maps; the first is what one looks at first. Where nothing has, the reason is raised."""
    if why := opened.obstacle(run, LENS):
        raise UserError(f"There are no maps to show of this run: {why}.")
    taps = run.member.architecture.taps
    last = {name for name in taps if f"last:{name}" in taps}
    found = [Kind("outputs", ("output",))] if _plain_outputs(run) else []
    for name, axes in taps.items():
        own = tuple(axes[1:])
        if own and name not in last and set(own) <= set(UNITS):
            found.append(Kind(name, own))
    ahead = [one for one in found if one.tap.endswith(FIRST)]
    return sorted(found, key=lambda one: (one not in ahead, "pre" in one.tap, one.tap == "outputs"))


def _plain_outputs(run: Run) -> bool:
    """Whether there is one row of logits an input."""
    signature = run.member.task.signature
    return not getattr(signature, "vocab", 0) or getattr(run.member.architecture, "read_at", "last") == "last"


def kind_of(opened: Opened, run: Run, tap: str) -> Kind:
    known = {one.tap: one for one in kinds(opened, run)}
    if tap not in known:
        raise UnknownName("kind of unit with maps", tap, known)
    return known[tap]


class Maps:
    """Maps of all units of a tap at a step, float32 (unit, a, b); the last ones looked at are kept."""

    def __init__(self, most: int = MOST_KEPT) -> None:
        self.most = most
        self._kept: OrderedDict[tuple[str, str, str, int], tuple[np.ndarray, tuple[int, ...]]] = OrderedDict()

    def at(self, opened: Opened, run: Run, tap: str, step: int) -> tuple[np.ndarray, tuple[int, ...]]:
        """The maps, and how many there are along each axis of units."""
        key = (opened.key, run.id, tap, step)
        if key not in self._kept:
            kind = kind_of(opened, run, tap)
            one = opened.look(run, LENS, step, tap=tap)["activation"].isel(step=0)
            sizes = tuple(one.sizes[axis] for axis in kind.axes)
            if math.prod(sizes) > MOST_UNITS:
                raise UserError(
                    f"There are {math.prod(sizes):,} {kind.words}; {MOST_UNITS:,} maps are the most."
                )
            values = one.transpose(*kind.axes, ...).values
            maps = np.ascontiguousarray(values.reshape(-1, *values.shape[-2:]), np.float32)
            self._kept[key] = maps, sizes
        self._kept.move_to_end(key)
        while len(self._kept) > 1 and sum(maps.nbytes for maps, _ in self._kept.values()) > self.most:
            self._kept.popitem(last=False)
        return self._kept[key]


def mosaic(found: tuple[np.ndarray, tuple[int, ...]], size: int, only: Sequence[int] | None = None) -> bytes:
    """Small maps as bytes, each over its own range; averaged over the pixels that share one, so that nothing is aliased."""
    maps, sizes = found
    if only is not None and not all(0 <= one < len(maps) for one in only):
        raise UserError(f"There are units 0 … {len(maps) - 1}; asked for: {', '.join(map(str, only))}.")
    chosen = maps if only is None else maps[list(only)]
    drawn = chosen
    if 0 < size < max(maps.shape[1:]):
        drawn = torch.nn.functional.adaptive_avg_pool2d(torch.from_numpy(chosen)[:, None], size)[:, 0].numpy()
    arrays = {"maps": bytes_of(drawn)[0], "low": chosen.min((1, 2)), "high": chosen.max((1, 2))}
    return pack(arrays, {"sizes": list(sizes), "grid": list(maps.shape[1:])})


def quantities(opened: Opened, run: Run, kind: Kind) -> list[dict[str, Any]]:
    """Every number that a lens on disk says of each unit: to sort, filter, group and colour by."""
    found = []
    for lens in registry.lenses.values():
        if lens.keep and not opened.obstacle(run, lens.name) and opened.fresh(run, lens.name):
            for name, one in opened.look(run, lens.name).data_vars.items():
                axis = next((axis for axis in kind.axes if axis in one.dims), None)
                if axis and one.dtype.kind in "fiub":
                    found += _places(lens.name, str(name), one, axis)
    return found


def unsaid(opened: Opened, run: Run, kind: Kind) -> list[str]:
    """Lenses that would say something of each unit and were not looked through."""
    return [
        lens.name
        for lens in registry.lenses.values()
        if lens.keep
        and any(set(one.dims) & set(kind.axes) for one in lens.gives.values())
        and not opened.obstacle(run, lens.name)
        and not opened.fresh(run, lens.name)
    ]


def _places(lens: str, name: str, one: Any, axis: str) -> list[dict[str, Any]]:
    """One quantity for every place along the axes besides units and steps."""
    rest = [str(dim) for dim in one.dims if dim not in (axis, "step")]
    if math.prod(one.sizes[dim] for dim in rest) > MOST_PLACES:
        return []
    found = []
    for place in np.ndindex(*(one.sizes[dim] for dim in rest)):
        labels = [f"{dim} {plain(one[dim].values[i])}" for dim, i in zip(rest, place, strict=True)]
        words = one.attrs.get("long_name", name) + (f" ({', '.join(labels)})" if labels else "")
        said = {"lens": lens, "variable": name, "place": list(place), "axis": axis, "words": words}
        found.append({**said, "units": one.attrs.get("units", "1"), "steps": "step" in one.dims})
    return found


def quantity(opened: Opened, run: Run, lens: str, variable: str, axis: str, place: Sequence[int]) -> bytes:
    """One number of every unit, at every step that was kept: (step, unit), or (1, unit) where it speaks of the whole course."""
    data = opened.look(run, lens)
    if variable not in data.data_vars or axis not in data[variable].dims:
        raise UserError(
            f"The lens '{lens}' says nothing called '{variable}' of every {AXES.get(axis, axis)}."
        )
    one = data[variable]
    rest = [dim for dim in one.dims if dim not in (axis, "step")]
    one = one.isel(dict(zip(rest, place, strict=True)))
    steps = one["step"].values.tolist() if "step" in one.dims else []
    values = one.transpose("step", axis).values if steps else one.values[None]
    return pack({"values": values.astype(np.float32)}, {"steps": steps})


def ways(opened: Opened, run: Run, kind: Kind) -> list[dict[str, str]]:
    """By what the units of a tap can be grouped; with what it needs at every step first, where it does."""
    found = []
    for name, (words, lens, options) in WAYS.items():
        of = {"tap": kind.tap} if lens == "neuron_clusters" else {}
        whole = registry.lenses[lens].scope == "trajectory"
        if (whole and find(run.member.architecture, "neurons") != kind.tap) or opened.obstacle(
            run, lens, **of, **options
        ):
            continue
        missing = (
            [
                n.name
                for n in registry.lenses[lens].needs()
                if n.kind == "lens" and not opened.fresh(run, n.name)
            ]
            if whole
            else []
        )
        found.append({"way": name, "words": words, "lens": ", ".join(missing)})
    return found


def groups(opened: Opened, run: Run, tap: str, step: int, way: str) -> bytes:
    """Groups of all units of a tap at a step, or over all of them: cluster, whether it is the typical one, distance from the mean, each (unit,)."""
    if way not in WAYS:
        raise UnknownName("way to group units", way, WAYS)
    _, lens, options = WAYS[way]
    course = registry.lenses[lens].scope == "trajectory"
    data = opened.look(run, lens, None if course else step, **({} if course else {"tap": tap}), **options)
    data = data if course else data.isel(step=0)
    arrays = {
        name: data[name].values.reshape(-1).astype(np.float32)
        for name in ("cluster", "representative", "distance")
    }
    count, stability, p = (float(data[name]) for name in ("count", "stability", "p"))
    if np.isnan(count):
        says = "too few of them vary for groups to be looked for"
    elif count <= 1:
        says = "no group stands out: they are one cloud"
    else:
        says = f"{count:.0f} groups; they agree at {stability:.2f} over samples of the units (1: the same, 0: chance), and a cloud without groups falls into as tight parts with p = {p:.2g}"
    return pack(arrays, plain({"count": count, "stability": stability, "p": p, "says": says}))


def one_unit(opened: Opened, maps: Maps, run: Run, tap: str, step: int, unit: int) -> bytes:
    """The whole map, its spectrum, what it writes to the outputs, and the units most like it, here and in other seeds."""
    every, _ = maps.at(opened, run, tap, step)
    if not 0 <= unit < len(every):
        raise UserError(f"There is no unit {unit}; the run has {len(every)}, from 0.")
    one = every[unit]
    arrays = {"map": one}
    if one.shape[0] == one.shape[1]:
        arrays["spectrum"] = spectrum(one)
    near: list[dict[str, Any]] = [
        {"run": run.id, "name": run.name, "step": step, **most_alike(one, every, but=unit)}
    ]
    for other in opened.fellows(run)[:OTHERS]:
        there = min(other.steps, key=lambda s: abs(s - step))
        theirs, _ = maps.at(opened, other, tap, there)
        near.append({"run": other.id, "name": other.name, "step": there, **most_alike(one, theirs)})
    if find(run.member.architecture, "neurons") == tap and not opened.obstacle(run, "readout"):
        arrays["writes"] = opened.look(run, "readout", step)["W_L"].isel(step=0).values[unit]
    return pack(arrays, {"alike": near, "badges": head_badges(opened, run, tap, step, unit)})


def head_badges(opened: Opened, run: Run, tap: str, step: int, unit: int) -> list[str]:
    """What the head of this unit does, in words, where that was looked at; of anything else nothing."""
    axes = kind_of(opened, run, tap).axes
    if axes[0] != "head" or not opened.fresh(run, ROLES):
        return []
    data = opened.look(run, ROLES)
    layers = getattr(run.member.architecture, "n_layers", 1)
    if f"blocks.{layers - 1}." not in tap or step not in data["step"].values:  # it speaks of the last layer
        return []
    positions = int(data.attrs.get("positions", 1))
    one = data.sel(step=step, head=unit // (positions if "key" in axes else 1))
    said = {str(name): float(value) for name, value in one.data_vars.items()}
    return badges(said, positions)


def spectrum(one: np.ndarray) -> np.ndarray:
    """Amplitude at every pair of frequencies, (frequency of a, frequency of b): sines and cosines together, the constant left out."""
    power = harmonics_2d(torch.from_numpy(one)[..., None])[..., 0].square()
    power[0, 0] = 0
    return fold(fold(power, axis=-2), axis=-1).sqrt().numpy()


def history(opened: Opened, maps: Maps, run: Run, tap: str, unit: int) -> bytes:
    """The map at a few steps, evenly spaced among those that were kept."""
    places = np.linspace(0, len(run.steps) - 1, MOMENTS).round().astype(int)
    steps = [run.steps[i] for i in dict.fromkeys(places.tolist())]
    over = np.stack([maps.at(opened, run, tap, step)[0][unit] for step in steps])
    return pack({"maps": bytes_of(over)[0]}, {"steps": steps})
