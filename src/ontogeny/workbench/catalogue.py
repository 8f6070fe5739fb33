"""Which views can look at a run: grouped by what they look at, with what each costs, or why it cannot."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from ontogeny import registry
from ontogeny.errors import UserError
from ontogeny.lenses.session import in_order
from ontogeny.one_run import Run
from ontogeny.reads import Read
from ontogeny.views.base import View
from ontogeny.workbench.library import COSTS, Opened

#: What a lens reads → what it looks at. The first that any of its reads matches; the order is that of a page.
GROUPS = (
    ("Training", r"^metrics"),
    ("Attention", r"attention|attn|pattern"),
    ("Neurons", r"neuron|mlp|hook_hidden|atom"),
    ("Embedding", r"embed\b|embedding|W_E"),
    ("Weights", r"^(weights|site:readout)"),
    ("Outputs", r"^(outputs|site:outputs|split|grid)"),
)


@dataclass(frozen=True)
class Offer:
    """A view of a run: ``ready`` (on disk), ``now`` (one step at a time, computed while one waits), ``job`` (must be computed for all steps
    first) or ``cannot``."""

    view: View
    group: str
    state: str
    why: str = ""
    cost: str = ""
    lenses: tuple[str, ...] = ()  # that are to be computed
    follows: bool = False  # whether a lens is read at one step that the cursor may choose

    def plain(self) -> dict[str, Any]:
        return {
            "name": self.view.name,
            "title": self.view.title,
            "question": self.view.question,
            "group": self.group,
            "state": self.state,
            "why": self.why,
            "cost": self.cost,
            "lenses": list(self.lenses),
            "options": {key: value for key, value in self.view.defaults.items() if key not in ("run", "by")},
        }


def of_one_run(view: View) -> bool:
    """Whether a view is about one run, or about the course of some: all others set many runs beside one another."""
    needed = [word for word in view.reads if not word.endswith("?")]
    alone = "run" in view.defaults or needed == ["metrics"] or any("@steps" in word for word in needed)
    return alone and not any(word.startswith(("measure:", "findings", "published")) for word in needed)


def complete(view: View) -> bool:
    """Whether a view can be drawn with its own options: one that reads under an option with nothing in it cannot."""
    return not any(
        value in ((), "") and f"{{{name}}}" in " ".join(view.reads) for name, value in view.defaults.items()
    )


def offers(opened: Opened, run: Run) -> list[Offer]:
    """Every view that is about one run, group by group."""
    found = [
        offer(opened, run, view) for view in registry.views.values() if of_one_run(view) and complete(view)
    ]
    order = [name for name, _ in GROUPS]
    return sorted(found, key=lambda one: (order.index(one.group), one.view.title))


def offer(opened: Opened, run: Run, view: View) -> Offer:
    """What is to be done before this view of this run can be drawn with its own options."""
    try:
        reads = opened.reads(view, {})
    except UserError as error:
        return Offer(view, group(view.reads), "cannot", str(error))
    kept = f" {run.status}" if not run.steps else ""
    lenses = [read for read in reads if read.kind == "lens"]
    where = group([*view.reads, *(word for read in lenses for word in registry.lenses[read.name].reads)])
    for read in lenses:
        if not read.optional and (why := opened.obstacle(run, read.name)):
            return Offer(view, where, "cannot", why)
    if not lenses and not opened.store.directory.run(run.id).folder.is_dir():
        return Offer(view, where, "cannot", f"nothing was logged of this run{kept}")
    can = [read for read in lenses if not opened.obstacle(run, read.name)]
    missing = [read for read in can if not opened.fresh(run, read.name, **read.options)]
    follows = any(read.when == "final" and registry.lenses[read.name].scope == "model" for read in can)
    if not missing or all(read.when == "final" for read in missing):
        state = "now" if missing else "ready"
    else:
        state = (
            "job" if any(registry.lenses[name].scope == "trajectory" for name in _whole(missing)) else "now"
        )
    costs = [registry.lenses[name].cost for read in missing for name in in_order([read.name])]
    cost = max(costs, key=COSTS.index, default="")
    names = tuple(dict.fromkeys(read.name for read in missing))
    return Offer(view, where, state, "", cost, names, follows)


def _whole(reads: list[Read]) -> list[str]:
    return [name for read in reads for name in in_order([read.name])]


def group(reads: Any) -> str:
    """The first group that anything that is read belongs to."""
    for name, pattern in GROUPS:
        if any(re.search(pattern, word) for word in reads):
            return name
    return "Outputs"
