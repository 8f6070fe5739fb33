"""One kind of registry for everything that has a name: tasks, architectures, lenses, measures, views, ...

Built-ins register when the modules of their room are imported, third parties through the entry-point group
``ontogeny`` (each entry point is a module whose decorators register). Both happen at the first question, never at import.
"""

from __future__ import annotations

import functools
import importlib
import importlib.metadata
import math
import pkgutil
import warnings
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Generic, TypeVar

from ontogeny.errors import UnknownName, UserError

T = TypeVar("T")
ENTRY_POINTS = "ontogeny"


@functools.cache
def load_plugins() -> dict[str, str]:
    """Import every installed plug-in once. Returns ``{module: "distribution version"}``."""
    loaded = {}
    for point in importlib.metadata.entry_points(group=ENTRY_POINTS):
        try:
            point.load()
        except Exception as error:  # a broken plug-in must not take the workbench down
            warnings.warn(
                f"plug-in '{point.name}' ({point.value}) could not be loaded: {error}", stacklevel=2
            )
            continue
        loaded[point.module] = f"{point.dist.name} {point.dist.version}" if point.dist else "unknown"
    return loaded


def provenance(module: str) -> str:
    """Which distribution, at which version, a registered object's module came from."""
    for plugin, version in load_plugins().items():
        if module == plugin or module.startswith(plugin.split(".")[0] + "."):
            return version
    return "ontogeny" if module.startswith("ontogeny.") else "local"


class Registry(Mapping[str, T], Generic[T]):
    """Names to things of one kind. Refuses duplicates; a miss names its neighbours."""

    def __init__(self, kind: str, room: str) -> None:
        self.kind, self.room = kind, room
        self._entries: dict[str, T] = {}
        self._loaded = False

    def add(self, name: str, entry: T) -> T:
        """Register under ``name``. The same definition may be imported twice; a different one is refused."""
        old = self._entries.get(name)
        if old is not None and _origin(old) != _origin(entry):
            raise UserError(
                f"The {self.kind} '{name}' exists already (from {_origin(old)}); "
                f"the one from {_origin(entry)} needs another name."
            )
        self._entries[name] = entry
        return entry

    def register(self, name: str) -> Callable[[Any], Any]:
        """Decorator: ``@registry.register("name")``."""
        return lambda entry: self.add(name, entry)

    def _load(self) -> None:
        if self._loaded:
            return
        self._loaded = True
        package = importlib.import_module(self.room)
        for module in pkgutil.iter_modules(package.__path__):
            importlib.import_module(f"{self.room}.{module.name}")
        load_plugins()

    def __getitem__(self, name: str) -> T:
        self._load()
        if name not in self._entries:
            raise UnknownName(self.kind, name, self._entries)
        return self._entries[name]

    def __contains__(self, name: object) -> bool:
        self._load()
        return name in self._entries

    def __iter__(self) -> Iterator[str]:
        self._load()
        return iter(sorted(self._entries))

    def __len__(self) -> int:
        self._load()
        return len(self._entries)

    def kind_of(self, spec: Mapping[str, Any]) -> str:
        """The name in ``{"kind": name, **fields}``."""
        kind = spec.get("kind")
        if kind is None:
            raise UserError(f"The {self.kind} needs a 'kind'. Known: {', '.join(self)}.")
        if not isinstance(kind, str):
            raise UserError(
                f"The kind of the {self.kind} is {kind!r}; it is a name. Known: {', '.join(self)}."
            )
        return kind

    def build(self, spec: Mapping[str, Any]) -> Any:
        """An instance from ``{"kind": name, **fields}``; unknown fields name the nearest, wrong types say which."""
        from pydantic import TypeAdapter, ValidationError

        kind, fields = self.kind_of(spec), {key: value for key, value in spec.items() if key != "kind"}
        cls: Any = self[kind]
        known = getattr(cls, "__dataclass_fields__", {})
        for key in fields:
            if key not in known:
                raise UnknownName(f"setting of the {self.kind} '{kind}'", key, known)
        for key, value in fields.items():
            if isinstance(value, float) and not math.isfinite(value):
                raise UserError(f"{self.kind} '{kind}': {key} = {value} is no number to compute with.")
        try:
            return TypeAdapter(cls).validate_python(fields)
        except ValidationError as error:
            raise UserError(f"{self.kind} '{kind}': {explain(error)}") from None


def explain(error: Any) -> str:
    """A pydantic error in one line a person can act on."""
    parts = []
    for problem in error.errors():
        where = ".".join(str(part) for part in problem["loc"])
        message = problem["msg"].removeprefix("Value error, ")
        given = problem.get("input")
        shown = "" if isinstance(given, dict) else f" (given: {given!r})"
        parts.append(f"{where}: {message}{shown}" if where else message)
    return "; ".join(parts)


def _origin(entry: Any) -> str:
    entry = getattr(entry, "function", entry)
    return f"{getattr(entry, '__module__', '?')}.{getattr(entry, '__qualname__', '?')}"


tasks: Registry[Any] = Registry("task", "ontogeny.tasks")
sources: Registry[Any] = Registry("source", "ontogeny.sources")
objectives: Registry[Any] = Registry("objective", "ontogeny.objectives")
architectures: Registry[Any] = Registry("architecture", "ontogeny.models")
interventions: Registry[Any] = Registry("intervention", "ontogeny.interventions")
optimisers: Registry[Any] = Registry("optimiser", "ontogeny.training")
lenses: Registry[Any] = Registry("lens", "ontogeny.lenses")
measures: Registry[Any] = Registry("measure", "ontogeny.measures")
views: Registry[Any] = Registry("view", "ontogeny.views")
findings: Registry[Any] = Registry("finding", "ontogeny.findings")
