"""The few errors a user can cause. The command line prints their text and no traceback."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from pathlib import Path

MOST = 24  # names that one sentence lists


class UserError(Exception):
    """Something the user asked for cannot be done; the text says what was asked, what was there, what to do."""


class UnknownName(UserError):
    """A name that is not there. Shows its nearest neighbours, or the whole list when it is short."""

    def __init__(self, what: str, name: str, known: Iterable[str], hint: str = "") -> None:
        known = sorted(known)
        near = difflib.get_close_matches(name, known, n=3, cutoff=0.5)
        of = " called" if " " in what else ""  # "option of the lens 'x' called 'y'", and plain "lens 'y'"
        text = f"There is no {what}{of} '{name}'."
        if near:
            text += f" Did you mean {', '.join(repr(n) for n in near)}?"
        if known and (not near or len(known) <= 12):
            more = f" and {len(known) - MOST} more" if len(known) > MOST else ""
            text += f" Known: {', '.join(known[:MOST])}{more}."
        if not known:
            text += " There are none here."
        super().__init__(f"{text} {hint}".rstrip())


class NotAStudy(UserError):
    """The directory holds no study.toml."""


class NewerSchema(UserError):
    """The study was written by a newer ontogeny."""


class Damaged(UserError):
    """A file is truncated or was altered since it was written. It is named, and it is not used."""

    def __init__(self, text: str, path: Path | None = None) -> None:
        super().__init__(text)
        self.path = path


class Failed(UserWarning):
    """One lens, measure, claim or view failed; it is named, and the others went on. The command line ends with a code for it."""


class Locked(UserError):
    """Another process is working on this directory."""


class DiskFull(UserError):
    """A write failed for want of space; everything that was committed before is intact."""


class TooFewRuns(UserError):
    """A comparison was asked of fewer runs than it takes."""


class TooLarge(UserError):
    """The system does not allow a file of this size."""


class Moved(UserError):
    """A directory was moved or removed while it was worked on."""


class Refused(UserError):
    """A file would have run code if it had been loaded; nothing was executed."""


def a(thing: type) -> str:
    """A type as a sentence says it: "an int", "a float"."""
    return f"an {thing.__name__}" if thing.__name__[0].lower() in "aeiou" else f"a {thing.__name__}"
