"""What stands in an address, as what it means; anything else is refused in words."""

from __future__ import annotations

import json
from typing import Any

from ontogeny.errors import UserError


def whole(what: str, given: str) -> int:
    """A whole number of an address."""
    try:
        return int(given)
    except ValueError:
        raise UserError(f"{what} = {given!r} is no whole number.") from None


def table(what: str, given: str, kind: type = dict) -> Any:
    """A table or list in JSON, as addresses carry it."""
    try:
        value = json.loads(given)
    except ValueError:
        value = given
    if not isinstance(value, kind):
        raise UserError(f"{what} is a {'table' if kind is dict else 'list'}; given: {value!r}.")
    return value


def numbers(what: str, given: str) -> list[int]:
    """Whole numbers between commas."""
    return [whole(what, one) for one in given.split(",")] if given else []
