"""Options and questions of registered functions, read off their signatures and docstrings."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any, ClassVar

from ontogeny.errors import UnknownName, UserError


class Catalogued:
    """What a registered lens, measure, view or finding says of itself: its question and its options."""

    word: ClassVar[str]
    name: str
    function: Any

    @property
    def question(self) -> str:
        return describe(self.function)

    @property
    def defaults(self) -> dict[str, Any]:
        """Options and their defaults: the keyword-only arguments."""
        return keyword_defaults(self.function)

    def options(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """The given options over the defaults; an unknown one names its neighbours."""
        return merge_options(f"{self.word} '{self.name}'", self.defaults, given)


def describe(function: Any) -> str:
    """First sentence of a docstring: the question answered."""
    text = (getattr(function, "__doc__", None) or "").strip()
    return " ".join(text.split("\n\n")[0].split())


def keyword_defaults(function: Callable[..., Any]) -> dict[str, Any]:
    return {
        p.name: p.default
        for p in inspect.signature(function).parameters.values()
        if p.kind is p.KEYWORD_ONLY and p.default is not p.empty
    }


def merge_options(owner: str, defaults: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """``given`` over ``defaults``; an unknown option names its neighbours, a value of another type is refused."""
    merged = dict(defaults)
    for key, value in given.items():
        if key not in defaults:
            raise UnknownName(f"option of the {owner}", key, defaults)
        default = defaults[key]
        if isinstance(default, tuple) and isinstance(value, list):  # TOML has lists only
            value = tuple(value)
        numbers = isinstance(default, int | float) and isinstance(value, int | float)
        if default is not None and not numbers and not isinstance(value, type(default)):
            raise UserError(
                f"The option '{key}' of the {owner} is a {type(default).__name__} (default {default!r}); given: {value!r}."
            )
        merged[key] = value
    return merged
