"""Ontogeny: a workbench for how small neural networks learn.

import ontogeny as on
on.run("bottleneck-quick", "out/quick")
store = on.open("out/quick")
store.runs()
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ontogeny.api import from_module, open, record, run, trust
    from ontogeny.comparing.agreement import agreement
    from ontogeny.errors import UserError
    from ontogeny.lenses.base import lens
    from ontogeny.measures.base import measure
    from ontogeny.registry import lenses, measures, tasks, views
    from ontogeny.representations import (
        Comparison,
        align,
        compare,
        compare_concepts,
        linked_maps,
        topology,
    )
    from ontogeny.study import load_study
    from ontogeny.subject import Subject
    from ontogeny.views.base import view

__version__ = "0.1.0"

# Imported when first asked for: `ontogeny --help` and plans need no torch.
_PUBLIC = {
    "run": "ontogeny.api",
    "open": "ontogeny.api",
    "record": "ontogeny.api",
    "from_module": "ontogeny.api",
    "trust": "ontogeny.api",
    "compare": "ontogeny.representations",
    "compare_concepts": "ontogeny.representations",
    "align": "ontogeny.representations",
    "linked_maps": "ontogeny.representations",
    "topology": "ontogeny.representations",
    "Comparison": "ontogeny.representations",
    "load_study": "ontogeny.study",
    "agreement": "ontogeny.comparing.agreement",
    "lens": "ontogeny.lenses.base",
    "measure": "ontogeny.measures.base",
    "view": "ontogeny.views.base",
    "Subject": "ontogeny.subject",
    "labelled": "ontogeny.axes",
    "UserError": "ontogeny.errors",
    "lenses": "ontogeny.registry",
    "measures": "ontogeny.registry",
    "tasks": "ontogeny.registry",
    "views": "ontogeny.registry",
}
__all__ = [
    "Comparison",
    "Subject",
    "UserError",
    "agreement",
    "align",
    "compare",
    "compare_concepts",
    "from_module",
    "lens",
    "lenses",
    "linked_maps",
    "load_study",
    "measure",
    "measures",
    "open",
    "record",
    "run",
    "tasks",
    "topology",
    "trust",
    "view",
    "views",
]


def __getattr__(name: str) -> Any:
    if name not in _PUBLIC:
        raise AttributeError(f"module 'ontogeny' has no attribute '{name}'")
    import importlib

    return getattr(importlib.import_module(_PUBLIC[name]), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *_PUBLIC])
