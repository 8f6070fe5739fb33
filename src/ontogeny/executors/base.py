"""An executor takes jobs and yields what became of them, in any order. What is missing afterwards is known from the store alone."""

from __future__ import annotations

import time
import traceback
import warnings
from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any, Protocol

from ontogeny import errors
from ontogeny.errors import Locked, UserError
from ontogeny.plan import Job
from ontogeny.spelling import identity
from ontogeny.store import events
from ontogeny.study import Study
from ontogeny.work.base import Outcome, Place, Settings, Tell

BETWEEN = 1.0  # seconds between two events that say how far a job is


class Executor(Protocol):
    """``wide``: how many jobs go side by side; training jobs are split into as many."""

    @property
    def wide(self) -> int: ...

    def carry_out(self, jobs: Sequence[Job], place: Place, tell: Tell) -> Iterator[Outcome]: ...

    def close(self) -> None: ...


def elsewhere(job: dict[str, Any], root: str, settings: dict[str, Any], recipe: str) -> dict[str, Any]:
    """A job in somebody else's process, from plain data to plain data; ``recipe``: what the study must say. It raises nothing."""
    from ontogeny.work.do import do

    given = Job.from_dict(job)
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        try:
            place = _place(root, Settings(**settings), recipe)
            outcome = do(given, place, reporting(place.directory.root))
        except Exception as error:
            outcome = Outcome(given.key, error=told(error))
    notes = tuple((w.category.__name__, str(w.message)) for w in said if issubclass(w.category, UserWarning))
    return outcome.to_dict() | {"notes": notes}


@lru_cache(maxsize=1)
def _place(root: str, settings: Settings, recipe: str) -> Place:
    """Kept from job to job, until the recipe is another."""
    place = Place.of(root, settings)
    if name_of(place.study) != recipe:
        raise Locked(f"The recipe of {root} was changed by another command meanwhile.")
    return place


def name_of(study: Study) -> str:
    """What a recipe is called among those who work by it."""
    return identity(study.model_dump(mode="json"))


def reporting(root: Path, also: Callable[[Job, str, float], None] | None = None) -> Tell:
    """Says in the log of events how far a job is, now and then; and to ``also`` always."""
    last: dict[str, float] = {}

    def tell(job: Job, what: str, share: float) -> None:
        now = time.monotonic()
        if now - last.setdefault(job.key, now) > BETWEEN:
            last[job.key] = now
            events.tell(root, "at", job=job.key, stage=job.stage, what=what, share=round(share, 4))
        if also:
            also(job, what, share)

    return tell


def told(error: Exception) -> dict[str, Any]:
    """An error as plain data."""
    ours = isinstance(error, UserError)
    text = str(error) if ours else "".join(traceback.format_exception(error))
    return {"kind": type(error).__name__, "text": text, "path": str(getattr(error, "path", None) or "")}


def raised(error: dict[str, Any] | Any) -> Exception:
    """The error that somebody else met, as if it had been met here."""
    kind = getattr(errors, error["kind"], None)
    if kind is errors.Damaged:
        return errors.Damaged(error["text"], Path(error["path"]) if error["path"] else None)
    if kind is not None and issubclass(kind, UserError) and kind is not errors.UnknownName:
        return kind(error["text"])
    if kind is errors.UnknownName:
        return UserError(error["text"])
    return RuntimeError(f"a worker failed: {error['text']}")
