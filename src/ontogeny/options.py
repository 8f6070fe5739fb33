"""Options and questions of registered functions, read off their signatures and docstrings."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any, ClassVar, Literal, get_args, get_origin, get_type_hints

from ontogeny.errors import UnknownName, UserError, a


class Catalogued:
    """What a registered lens, measure, view or finding says of itself: its question and its options."""

    word: ClassVar[str]
    name: str
    function: Any

    @property
    def takes_options(self) -> Callable[..., Any]:
        """Whose keyword-only arguments are the options."""
        return self.function

    @property
    def question(self) -> str:
        return describe(self.function)

    @property
    def defaults(self) -> dict[str, Any]:
        """Options and their defaults: the keyword-only arguments."""
        return keyword_defaults(self.takes_options)

    def options(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """The given options over the defaults; an unknown one names its neighbours."""
        return merge_options(f"{self.word} '{self.name}'", self.defaults, given, hints_of(self.takes_options))


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


def merge_options(
    owner: str, defaults: Mapping[str, Any], given: Mapping[str, Any], hints: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """``given`` over ``defaults``; an unknown option names its neighbours, a value of another type is refused."""
    merged, hints = dict(defaults), hints or {}
    for key, value in given.items():
        if key not in defaults:
            raise UnknownName(f"option of the {owner}", key, defaults)
        default = defaults[key]
        if isinstance(default, tuple) and isinstance(value, list):  # TOML has lists only
            value = tuple(value)
        numbers = isinstance(default, int | float) and isinstance(value, int | float)
        if default is not None and not numbers and not isinstance(value, type(default)):
            raise UserError(
                f"The option '{key}' of the {owner} is {a(type(default))} (default {default!r}); given: {value!r}."
            )
        merged[key] = value
        hint = hints.get(key)
        if get_origin(hint) is Literal and value not in get_args(hint):
            known = [str(one) for one in get_args(hint)]
            raise UnknownName(f"value of '{key}' (an option of the {owner})", str(value), known)
        if (
            hint in (int, bool)
            and type(value) is not hint
            and not (hint is int and float(value).is_integer())
        ):
            raise UserError(
                f"The option '{key}' of the {owner} is a {'yes or no' if hint is bool else 'whole number'}; given: {value!r}."
            )
    return merged


def hints_of(function: Any) -> dict[str, Any]:
    """Types of the options, where they can be resolved."""
    try:
        return get_type_hints(function)
    except Exception:  # names that only a type checker imports
        return {}
