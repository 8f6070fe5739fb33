"""What can be asked, by address. Each question says what it needs by name; anything else is refused."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import plotly.io.json

from ontogeny import __version__
from ontogeny.views import theme
from ontogeny.workbench import catalogue, maps
from ontogeny.workbench.figures import Figures, asked_for
from ontogeny.workbench.given import numbers, whole
from ontogeny.workbench.library import Library
from ontogeny.workbench.packing import pack

QUESTIONS: dict[tuple[str, str], Callable[..., Any]] = {}


def question(path: str, method: str = "GET") -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Answered at ``/api/PATH``."""

    def register(ask: Callable[..., Any]) -> Callable[..., Any]:
        QUESTIONS[method, path] = ask
        return ask

    return register


class Questions:
    """Everything that a viewer may ask; what the path and the query of an address say arrives as keywords."""

    def __init__(self, library: Library) -> None:
        self.library = library
        self.figures, self.maps = Figures(), maps.Maps()

    @question("about")
    def about(self) -> dict[str, Any]:
        scales = {"sequential": theme.SEQUENTIAL, "diverging": theme.DIVERGING, "ordered": theme.ORDERED}
        roots = [str(root) for root in self.library.folders.roots]
        return {
            "version": __version__,
            "read_only": self.library.read_only,
            "folders": roots,
            "scales": scales,
            "palette": theme.PALETTE,
            "template": json.loads(plotly.io.json.to_json_plotly(theme.TEMPLATE)),
        }

    @question("studies")
    def studies(self) -> list[dict[str, Any]]:
        return self.library.briefs()

    @question("s/{study}")
    def study(self, study: str) -> dict[str, Any]:
        return self.library.study(study).about()

    @question("s/{study}/stamp")
    def stamp(self, study: str) -> dict[str, Any]:
        return {"stamp": self.library.study(study).stamp}

    @question("s/{study}/runs")
    def runs(self, study: str) -> dict[str, Any]:
        """The table of runs, column by column, and which further columns there are."""
        opened = self.library.study(study)
        with opened.lock:
            table = opened.runs()
            ids = [str(id) for id in table.index]
            columns: list[dict[str, Any]] = [{"name": "run", "words": "run", "values": ids, "kind": "id"}]
            for name in table.columns:
                values = table[name].tolist()
                numeric = all(isinstance(v, int | float) or v is None for v in values)
                kind = "varied" if name in table.attrs["varied"] else "metric"
                columns.append(
                    {
                        "name": str(name),
                        "words": str(name).replace("_", " "),
                        "values": values,
                        "kind": kind,
                        "numeric": numeric,
                    }
                )
            return {"stamp": opened.stamp, "columns": columns, "varied": table.attrs["varied"]}

    @question("s/{study}/scalars")
    def scalars(self, study: str) -> list[dict[str, str]]:
        """Further columns: every number of every lens on disk."""
        opened = self.library.study(study)
        with opened.lock:
            return [
                {"lens": lens, "variable": name, "place": ",".join(map(str, place)), "words": words}
                for lens, name, place, words in opened.scalars()
            ]

    @question("s/{study}/column")
    def column(self, study: str, lens: str, variable: str, place: str = "") -> dict[str, Any]:
        """One of them, by run."""
        opened = self.library.study(study)
        with opened.lock:
            return {"values": opened.column(lens, variable, numbers("place", place)).to_dict()}

    @question("s/{study}/r/{run}")
    def run(self, study: str, run: str) -> dict[str, Any]:
        """What a run is, and which views can look at it."""
        opened = self.library.study(study)
        with opened.lock:
            one = opened.run(run)
            record = one.entry.record
            steps = record.get("step") or 0
            return {
                "stamp": opened.stamp,
                "id": one.id,
                "name": one.name,
                "varied": one.varied,
                "status": one.status,
                "steps": one.steps,
                "epochs_per_step": (record.get("epoch") or 0) / steps if steps else None,
                "last": record.get("last", {}),
                "spec": record.get("spec", {}),
                "wrong": list(one.entry.damaged.values()),
                "views": [offer.plain() for offer in catalogue.offers(opened, one)],
            }

    @question("s/{study}/r/{run}/metrics")
    def metrics(self, study: str, run: str) -> bytes:
        """Everything that was logged, as numbers."""
        opened = self.library.study(study)
        table = opened.metrics(opened.run(run)).select_dtypes("number")
        return pack({str(name): table[name].to_numpy() for name in table.columns})

    @question("s/{study}/figure")
    def figure(
        self, study: str, runs: str, view: str, step: str = "", options: str = "{}", under: str = "[]"
    ) -> dict[str, Any]:
        """A view of these runs ("*": all of the study)."""
        opened = self.library.study(study)
        return {
            "stamp": opened.stamp,
            **self.figures.figure(opened, asked_for(view, runs, step, options, under)),
        }

    @question("s/{study}/frames")
    def frames(
        self,
        study: str,
        runs: str,
        view: str,
        first: str,
        count: str,
        step: str = "",
        options: str = "{}",
        under: str = "[]",
    ) -> bytes:
        """What of it follows an axis, at some ticks."""
        opened = self.library.study(study)
        asked = asked_for(view, runs, step, options, under)
        return self.figures.frames(opened, asked, whole("first", first), whole("count", count))

    @question("s/{study}/r/{run}/units")
    def units(self, study: str, run: str) -> list[dict[str, Any]]:
        """What of a run has maps, and what lenses on disk say of each unit."""
        opened = self.library.study(study)
        with opened.lock:
            one = opened.run(run)
            return [
                {
                    "tap": kind.tap,
                    "words": kind.words,
                    "axes": kind.axes,
                    "quantities": maps.quantities(opened, one, kind),
                    "unsaid": maps.unsaid(opened, one, kind),
                    "ways": maps.ways(opened, one, kind),
                }
                for kind in maps.kinds(opened, one)
            ]

    @question("s/{study}/r/{run}/mosaic")
    def mosaic(self, study: str, run: str, tap: str, step: str, size: str = "32", only: str = "") -> bytes:
        opened = self.library.study(study)
        with opened.lock:
            found = self.maps.at(opened, opened.run(run), tap, whole("step", step))
        return maps.mosaic(found, whole("size", size), numbers("only", only) if only else None)

    @question("s/{study}/r/{run}/groups")
    def groups(self, study: str, run: str, tap: str, step: str, way: str) -> bytes:
        """Which units do alike, and which is typical."""
        opened = self.library.study(study)
        with opened.lock:
            return maps.groups(opened, opened.run(run), tap, whole("step", step), way)

    @question("s/{study}/r/{run}/quantity")
    def quantity(self, study: str, run: str, lens: str, variable: str, axis: str, place: str = "") -> bytes:
        opened = self.library.study(study)
        with opened.lock:
            return maps.quantity(opened, opened.run(run), lens, variable, axis, numbers("place", place))

    @question("s/{study}/r/{run}/unit")
    def unit(self, study: str, run: str, tap: str, step: str, unit: str) -> bytes:
        opened = self.library.study(study)
        with opened.lock:
            one = opened.run(run)
            return maps.one_unit(opened, self.maps, one, tap, whole("step", step), whole("unit", unit))

    @question("s/{study}/r/{run}/history")
    def history(self, study: str, run: str, tap: str, unit: str) -> bytes:
        opened = self.library.study(study)
        with opened.lock:
            return maps.history(opened, self.maps, opened.run(run), tap, whole("unit", unit))
