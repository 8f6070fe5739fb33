"""Tensors by name, as forgiving as the rest: a miss names its neighbours."""

from __future__ import annotations

from typing import Any

from ontogeny.errors import UnknownName


class Missing(UnknownName, KeyError):
    """Still a ``KeyError`` for whoever expects one of a dict."""


class Named(dict[str, Any]):
    """A dict that says what is near a name that it has not, and in a notebook what it holds instead of all its numbers."""

    def __init__(self, what: str, values: dict[str, Any]) -> None:
        super().__init__(values)
        self.what = what

    def __missing__(self, name: object) -> Any:
        raise Missing(self.what, str(name), self)

    def __repr__(self) -> str:
        return "{" + ", ".join(f"{name!r}: {_shape(value)}" for name, value in self.items()) + "}"

    def __reduce__(self) -> Any:
        return dict, (dict(self),)


def _shape(value: Any) -> str:
    shape = getattr(value, "shape", None)
    return repr(value) if shape is None else f"tensor{tuple(shape)}"
