"""Which views can look at a run: grouped by what they look at, with what each costs, or why it cannot."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from ontogeny import registry
from ontogeny.errors import UserError
from ontogeny.lenses.session import asked, in_order
from ontogeny.one_run import Run
from ontogeny.views.base import View
from ontogeny.workbench.library import COSTS, Opened

#: What a lens reads → what it looks at. The first that any of its reads matches; the order is that of a page.
GROUPS = (
    ("Training", r"^metrics"),
    ("Attention", r"attention|attn|pattern"),
    ("Neurons", r"neuron|mlp|hook_hidden"),
    ("Embedding", r"site:(embedding|embedded|lookup)|W_E"),
    ("Weights", r"^(weights|site:(readout|form|inward))"),
    ("Outputs", r"^(outputs|split|grid)"),
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

    def plain(self) -> dict[str, Any]:
        options = {
            key: value for key, value in self.view.defaults.items() if key not in ("run", "by", "step")
        }
        return {
            "name": self.view.name,
            "title": self.view.title,
            "question": self.view.question,
            "group": self.group,
            "state": self.state,
            "why": self.why,
            "cost": self.cost,
            "lenses": list(self.lenses),
            "options": options,
        }


def fits(view: View) -> bool:
    """Whether a view is about one run, or about the course of some: all others set many runs beside one another. One that reads under an
    option with nothing in it cannot be drawn with its own options."""
    needed = [word for word in view.reads if not word.endswith("?")]
    course = needed == ["metrics"] or any("@steps" in word for word in needed)
    empty = any(
        value in ((), "") and f"{{{name}}}" in " ".join(view.reads) for name, value in view.defaults.items()
    )
    beside = any(word.startswith(("measure:", "findings", "published")) for word in needed)
    return (view.of_one_run or course) and not beside and not empty


def offers(opened: Opened, run: Run) -> list[Offer]:
    """Every view that is about one run, group by group."""
    found = [offer(opened, run, view) for view in registry.views.values() if fits(view)]
    order = [name for name, _ in GROUPS]
    return sorted(found, key=lambda one: (order.index(one.group), one.view.title))


def offer(opened: Opened, run: Run, view: View) -> Offer:
    """What is to be done before this view of this run can be drawn with its own options."""
    try:
        reads = opened.reads(view, {})
    except UserError as error:
        return Offer(view, group(view.reads), "cannot", str(error))
    lenses = [read for read in reads if read.kind == "lens"]
    where = group(
        [
            *view.reads,
            *(
                f"{need.kind}:{need.name}"
                for read in lenses
                for need in registry.lenses[read.name].needs(read.options)
            ),
        ]
    )
    for read in lenses:
        if not read.optional and (why := opened.obstacle(run, read.name, **read.options)):
            return Offer(view, where, "cannot", why)
    can = [read for read in lenses if not opened.obstacle(run, read.name, **read.options)]
    missing = [read for read in can if not opened.fresh(run, read.name, **read.options)]
    needed = [one.lens for read in missing for one in in_order([asked(read.name, read.options)])]
    cost = max((one.cost for one in needed), key=COSTS.index, default="")
    course = any(one.scope == "trajectory" for one in needed) or any(read.when == "steps" for read in missing)
    # what is read at the last step alone is computed once, and then everything follows the cursor
    moving = any(read.when in ("cursor", "steps") for read in missing)
    state = "job" if course else "now" if moving or view.frames == 1 else "ready"
    return Offer(view, where, state, "", cost, tuple(dict.fromkeys(read.name for read in missing)))


def group(reads: Any) -> str:
    """The first group that anything that is read belongs to."""
    for name, pattern in GROUPS:
        if any(re.search(pattern, word) for word in reads):
            return name
    return "Outputs"
