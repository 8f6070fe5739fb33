"""Any two representations of trained models under a measure. A representation is what a run holds at a step, at a site; what two of
them came to is kept by what they are, so that one new run costs one row.

Kept are *pairs*: ``comparisons/pairs/MEASURE.nc``, a table of (digest, digest) → value and extras. A digest stands for the weights, the
architecture, the task that gives the inputs, the site, and the code behind them; the file for the measure, its options and its code.
"""

from __future__ import annotations

import math
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch

from ontogeny import build
from ontogeny.errors import Damaged, UserError
from ontogeny.measures.base import Measure
from ontogeny.numerics.cores import one_core_each
from ontogeny.spelling import identity
from ontogeny.store import fingerprint, results
from ontogeny.store.directory import Directory
from ontogeny.store.headers import ResultFile, read_result_header
from ontogeny.store.index import RunEntry
from ontogeny.subject import Subject
from ontogeny.training.member import Member
from ontogeny.work.look import load

Values = dict[str, np.ndarray]
IN_MEMORY = (
    2**30
)  # bytes of prepared representations; where there are more, all lie in files and are compared block by block


@dataclass(frozen=True)
class Representation:
    """What a run holds at a step, at a site (``tap``; "" for a measure of whole models)."""

    directory: Directory
    entry: RunEntry
    member: Member = field(repr=False)
    step: int
    tap: str = ""

    @cached_property
    def digest(self) -> str:
        code = fingerprint.of(self.member.architecture, self.member.task)
        spec = {k: self.member.spec[k] for k in ("architecture", "task", "where") if k in self.member.spec}
        return identity({"weights": self.entry.digests[self.step], "of": spec, "at": self.tap, "code": code})

    def subject(self) -> Subject:
        weights = load(self.directory, self.entry, [self.step])
        return build.subject(self.member, {name: w[0] for name, w in weights.items()})

    def at(self, tap: str) -> Representation:
        return replace(self, tap=tap)


class Pairs:
    """What is known of a measure under these options; ``directory`` keeps it, None forgets."""

    def __init__(
        self, measure: Measure, options: Mapping[str, Any], directory: Directory | None = None
    ) -> None:
        if measure.over_steps:
            raise UserError(
                f"'{measure.name}' compares runs with each other over all their steps: store.compare('{measure.name}')."
            )
        self.measure, self.directory = measure, directory
        self.options = {k: v for k, v in measure.options(options).items() if k != "tap"}
        self.stamp = fingerprint.combine(fingerprint.of(measure), self.options)
        self._known: dict[tuple[str, str], tuple[float, ...]] = {}
        self._names: tuple[str, ...] = ()
        self._read()

    @property
    def path(self) -> Path | None:
        defaults = {k: v for k, v in self.measure.defaults.items() if k != "tap"}
        stem = results.stem(self.measure.name, self.options, defaults)
        return self.directory.pairs / f"{stem}.nc" if self.directory else None

    def grid(
        self,
        left: Sequence[Representation],
        right: Sequence[Representation] | None = None,
        only: np.ndarray | None = None,
    ) -> Values:
        """All of ``left`` with all of ``right`` (with one another where it is None): {"value": (left, right), extras…}; ``only`` these pairs, the others
        NaN. Each representation is computed once, and pairs that are known not at all.
        """
        right = left if right is None else right
        rows, columns = [x.digest for x in left], [y.digest for y in right]
        wanted = np.ones((len(left), len(right)), bool) if only is None else only
        missing = wanted & np.array([[(x, y) not in self._known for y in columns] for x in rows])
        if missing.any():
            self._compute(left, right, missing)
        none = (math.nan,) * len(self._names)
        table = np.array(
            [
                [self._known[x, y] if w else none for y, w in zip(columns, line, strict=True)]
                for x, line in zip(rows, wanted, strict=True)
            ],
            dtype=float,
        )
        return {name: table[..., i] for i, name in enumerate(self._names)}

    # -- what is not known yet -----------------------------------------------------------------------------------------

    def _compute(
        self, left: Sequence[Representation], right: Sequence[Representation], missing: np.ndarray
    ) -> None:
        mirrored = self.measure.symmetric and left == right
        if mirrored:  # by digest, so that rounding does not depend on who else is asked about
            order = sorted(range(len(left)), key=lambda i: left[i].digest)
            left = right = [left[i] for i in order]
            missing = missing[np.ix_(order, order)]
        everything = [*left, *right]
        at: dict[str, int] = {}
        for i, side in enumerate((missing.any(1), missing.any(0))):
            for j in np.flatnonzero(side):
                place = int(j) + i * len(left)
                at.setdefault(everything[place].digest, place)
        with _prepared(self, [everything[place] for place in at.values()]) as found:
            factors = dict(zip(at, found.each, strict=True))
            while missing.any():
                # rows that miss the same pairs go together, the longest first
                first = int(missing.sum(1).argmax())
                columns = np.flatnonzero(missing[first]).tolist()[: found.block]
                rows = np.flatnonzero((missing == missing[first]).all(1)).tolist()[: found.block]
                same = mirrored and rows == columns
                if mirrored and not same:
                    rows, columns = _in_order(first, rows, columns)
                x = [factors[left[i].digest]() for i in rows]
                y = x if same else [factors[right[j].digest]() for j in columns]
                said = {
                    k: v.double().cpu().numpy() for k, v in self.measure.pairs(x, y, **self.options).items()
                }
                self._remember(
                    said, [left[i].digest for i in rows], [right[j].digest for j in columns], mirrored
                )
                missing[np.ix_(rows, columns)] = False
                if mirrored:
                    missing[np.ix_(columns, rows)] = False
        self._write()

    def _remember(self, said: Values, rows: list[str], columns: list[str], mirrored: bool) -> None:
        self._names = tuple(said)
        for i, x in enumerate(rows):
            for j, y in enumerate(columns):
                self._known[x, y] = tuple(float(said[name][i, j]) for name in self._names)
                if mirrored:
                    self._known.setdefault(
                        (y, x), tuple(float(said[_mirror(n, said)][i, j]) for n in self._names)
                    )

    # -- on disk -------------------------------------------------------------------------------------------------------

    def _read(self) -> None:
        if self.path is None or not self.path.exists():
            return
        try:
            if read_result_header(self.path).fingerprint != self.stamp:
                return
            data = results.read(self.path)
        except Damaged:
            return  # derived: it is written anew, and `ontogeny check` names it until then
        names, who = [str(n) for n in data.data_vars if n not in ("left", "right")], data["digest"].values
        table = np.stack([data[n].values for n in names], -1).tolist()
        pairs = zip(who[data["left"].values], who[data["right"].values], table, strict=True)
        self._names = tuple(names)
        self._known |= {(str(x), str(y)): tuple(values) for x, y, values in pairs}

    def _write(self) -> None:
        """With what others have added meanwhile. A place that cannot be written to is only read."""
        import xarray as xr

        if self.path is None or self.directory is None:
            return
        mine = dict(self._known)
        self._read()
        self._known |= mine
        who = sorted({digest for pair in self._known for digest in pair})
        place = {digest: i for i, digest in enumerate(who)}
        ends = np.array([[place[x], place[y]] for x, y in self._known], dtype=np.int32)
        table = np.array(list(self._known.values()), dtype=float)
        columns = {name: ("pair", table[:, i]) for i, name in enumerate(self._names)}
        sides = {"left": ("pair", ends[:, 0]), "right": ("pair", ends[:, 1])}
        data = xr.Dataset({**sides, **columns}, coords={"digest": who})
        data.attrs |= {"long_name": f"pairs under {self.measure.label}", "kind": self.measure.kind}
        try:
            results.write(self.path, data, ResultFile(self.measure.name, self.options, self.stamp, []))
        except PermissionError:
            return


def _in_order(first: int, rows: list[int], columns: list[int]) -> tuple[list[int], list[int]]:
    """Of these rows with these columns a part, ``first`` in it, where all of one side come before all of the other."""
    if first <= columns[0]:
        return [i for i in rows if i <= columns[0]], columns
    before = [j for j in columns if j <= first]
    return before, [i for i in rows if i >= before[-1]]


def _mirror(name: str, said: Mapping[str, Any]) -> str:
    """What an extra is called when the two sides change places."""
    other = name.removesuffix("_other") if name.endswith("_other") else f"{name}_other"
    return other if other in said else name


class Prepared(NamedTuple):
    """What is compared of each, when it is asked for, and of how many at once."""

    each: list[Callable[[], Any]]
    block: int | None  # of rows and of columns; None: all


@contextmanager
def _prepared(pairs: Pairs, who: Sequence[Representation]) -> Iterator[Prepared]:
    """Each by itself and on one core; in files where all of them are much."""
    measure = pairs.measure
    with tempfile.TemporaryDirectory(prefix="ontogeny-pairs-") as place:

        def prepare(i: int) -> tuple[tuple[int, ...], int, Callable[[], Any]]:
            with torch.no_grad():
                options = {**pairs.options, **({"tap": who[i].tap} if who[i].tap else {})}
                one = measure.read(who[i].subject(), options)
                shape = () if isinstance(one, Subject) else tuple(one.shape)
                made = measure.prepare(one, **pairs.options)
            size = _bytes(made)
            much = size * len(who) > IN_MEMORY
            return shape, size, _in_files(made, Path(place) / str(i)) if much else lambda: made

        with one_core_each() as share:
            found = share(prepare, range(len(who)))
        for one, (shape, _, _) in zip(who, found, strict=True) if measure.input != "model" else ():
            measure.refuse(found[0][0], shape, (_called(who[0]), _called(one)))
        sizes = [size for _, size, _ in found]
        block = max(1, IN_MEMORY // (2 * max(sizes))) if sum(sizes) > IN_MEMORY else None
        yield Prepared([each for _, _, each in found], block)


def _called(one: Representation) -> str:
    return f"{one.member.name or one.entry.id} at step {one.step}, {one.tap}"


def _bytes(made: Any) -> int:
    if isinstance(made, torch.Tensor):
        return made.numel() * made.element_size()
    return sum(_bytes(part) for part in made) if isinstance(made, tuple) else 0


def _in_files(made: Any, path: Path) -> Callable[[], Any]:
    """Writes the tensors of ``made``; what is returned maps them anew each time, so that what nobody holds takes no memory."""
    if isinstance(made, torch.Tensor):
        of = partial(torch.from_file, str(path), shared=True, size=made.numel(), dtype=made.dtype)
        of().copy_(made.flatten())
        shape = made.shape
        return lambda: of().view(shape)
    if isinstance(made, tuple):
        parts = [_in_files(part, path.with_name(f"{path.name}-{i}")) for i, part in enumerate(made)]
        together = getattr(made, "_make", tuple)
        return lambda: together(part() for part in parts)
    return lambda: made
