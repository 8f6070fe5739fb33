"""Which runs of a study are meant, in which order, and what they are called."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any

from ontogeny import build
from ontogeny.besides import flat, telling_apart
from ontogeny.store.index import Index, RunEntry, without_collecting
from ontogeny.study import Study

if TYPE_CHECKING:
    import pandas as pd


class Population:
    """The runs that a recipe asks for, in its order (of a study that trains nothing, all of them), or those that were chosen."""

    def __init__(self, study: Study, index: Index, chosen: Collection[str] | None = None) -> None:
        self.study, self.index, self.chosen = study, index, chosen

    @cached_property
    def entries(self) -> list[RunEntry]:
        order = {id: place for place, id in enumerate(self._asked)}
        wanted = self.chosen if self.chosen is not None else order if self.study.train else None
        there = [e for e in self.readable if wanted is None or e.id in wanted]
        return sorted(there, key=lambda e: (order.get(e.id, len(order)), e.id))

    @cached_property
    def readable(self) -> list[RunEntry]:
        """Runs of which is known what they are."""
        return [e for e in self.index.runs.values() if e.record]

    @property
    def unreadable(self) -> list[RunEntry]:
        """Runs of which it cannot be read what they are; of all others ``index.runs[id].damaged`` names what is damaged."""
        return [] if self.chosen is not None else [e for e in self.index.runs.values() if not e.record]

    @cached_property
    def aside(self) -> frozenset[str]:
        """Ids of the runs of ``crossed``, whether they are here or not."""
        return frozenset(build.member(v).id for v in self.study.aside())

    @cached_property
    def _asked(self) -> list[str]:
        with without_collecting():
            return [m.id for m in build.members(self.study)] if self.study.train else []

    # -- what they are called ------------------------------------------------------------------------------------------

    def named(self, entry: RunEntry) -> dict[str, Any]:
        """What varied in a run; where some of these runs take sources of randomness apart, each of them besides; and settings
        that tell apart runs that would be called the same."""
        spec = entry.record.get("spec", {})
        seeds = spec.get("seeds", {})
        names = {**entry.record.get("varied", {}), **{s: seeds[s] for s in self._apart if s in seeds}}
        if self.settings or self._turned:
            values = flat(spec)
            names |= {short: values.get(path) for path, short in self.settings.items()}
            names |= {short: values.get(path) for path, short in self._turned.items() if short not in names}
        return names

    @cached_property
    def _turned(self) -> dict[str, str]:
        """Path in the spec → its column, of settings that vary among some of these runs only: the others have a value too."""
        varied = [e.record.get("varied", {}) for e in self.entries]
        paths = [
            path
            for grid in (self.study.vary, *self.study.crossed)
            for path in grid
            if not path.startswith("seed")
        ]
        short = {
            path: path if any(path in one for one in varied) else path.rpartition(".")[2] for path in paths
        }
        return {
            path: name for path, name in short.items() if 0 < sum(name in one for one in varied) < len(varied)
        }

    @cached_property
    def settings(self) -> dict[str, str]:
        """Path in the spec → its column, of settings in which runs differ that are called the same."""
        entries = self.entries
        with without_collecting():
            return telling_apart(e.record for e in entries)

    @cached_property
    def _apart(self) -> list[str]:
        varied = {name for e in self.entries for name in e.record.get("varied", {})}
        return [source for source in self.study.apart if source in varied]

    @cached_property
    def differing(self) -> list[str]:
        """What the study varies and these runs differ in; all that it varies where they differ in nothing."""
        varied = [self.named(e) for e in self.entries]
        names = list(dict.fromkeys(name for one in varied for name in one))
        return [n for n in names if len({repr(one.get(n)) for one in varied}) > 1] or names

    def say_what_varied(self, table: pd.DataFrame) -> pd.DataFrame:
        """``attrs``: ``varied``, names of what differs between runs, the seed last; ``order_matters``, that of the batches."""
        table.attrs["varied"] = sorted(self.differing, key=lambda name: name == "seed")
        table.attrs["order_matters"] = self.study.order_matters
        return table

    def ticks(self, entries: Iterable[RunEntry]) -> dict[str, Any]:
        """Coordinates of an axis of runs: ids, what varied, status."""
        entries = list(entries)
        varied: list[Mapping[str, Any]] = [self.named(e) for e in entries]
        ticks = {name: ("run", [one.get(name) for one in varied]) for name in self.differing}
        return {"run": [e.id for e in entries], **ticks, "status": ("run", [e.status for e in entries])}
