"""The schema of a claim: which number, of which runs, by which rule, beside what was published. No torch.

    [sources]
    first = "the published model"

    [questions]
    embedding = { text = "What does the embedding look like?", of = "right" }

    [quantities]
    accuracy = { source = "runs", variable = "all_accuracy" }
    explained = { source = "embedding_geometry", variable = "explained", bounds = [0, 1], resolution = 0.1 }
    pc1 = { like = "explained", where = { component = 1 } }

    [populations]
    right = { text = "seeds that answer everything rightly", having = { accuracy = { at_least = 1.0 } } }

    [claims.embedding]
    pc1 = { text = "Share of its variance in the first component", published = { first = "0.73" } }

A claim has a line in the table of its question, or a table of its own, ``[claims.embedding.pc1]``. It asks for the quantity of its own
name, or names one, or writes it in place. Everything is keyed, so that a recipe that ``extends`` another changes it claim by
claim; ``claims.embedding.pc1 = false`` leaves one out. What a claim says beside ``kind``, ``text``, ``note`` and ``decided`` are options of its kind of finding: ``value`` (a
number), ``holds`` (with ``at_least``, ``at_most`` or ``equals``: a statement), or the one that it names.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, model_validator

from ontogeny.errors import UnknownName, UserError

TABLES = ("runs", "metrics", "published")
CONDITION = ("at_least", "at_most", "equals")


class Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Part(Strict):
    """What is taken off a quantity: another variable, other ticks (axis by axis) or another reduction of the same source."""

    variable: str | None = None
    where: dict[str, Any] | None = None
    reduce: str | None = None


class Quantity(Strict):
    """One number a run. ``source``: ``runs``, ``metrics``, a lens by name (at the last step), or a word of :mod:`ontogeny.needs`.

    ``like`` names the quantity whose settings are meant where this one has none; ``where`` is taken axis by axis.
    """

    like: str = ""
    source: str = ""
    variable: str = ""
    where: dict[str, Any] = {}
    reduce: str = "mean"
    minus: Part | None = None
    text: str = ""  # as a person says it, where runs are chosen by it
    units: str = ""
    bounds: tuple[float, float] = (-math.inf, math.inf)
    discrete: bool = False  # whole numbers
    grid: float = Field(0.0, ge=0)  # how far apart the checkpoints are at which it can be seen
    resolution: float | None = Field(None, gt=0)  # the difference that matters

    @property
    def reads(self) -> str:
        return self.source if self.source in TABLES or ":" in self.source else f"lens:{self.source}@final"


class Condition(Strict):
    """When a statement about a number is true."""

    at_least: float | None = None
    at_most: float | None = None
    equals: float | None = None

    @model_validator(mode="after")
    def _one(self) -> Condition:
        if self.at_least is self.at_most is self.equals is None:
            raise ValueError("say when it holds: at_least, at_most or equals")
        return self


class Question(Strict):
    """What is asked, and of which populations unless a claim names others: one is a column of the answers."""

    text: str
    of: str | tuple[str, ...] = ()

    @model_validator(mode="before")
    @classmethod
    def _short(cls, given: Any) -> Any:
        return {"text": given} if isinstance(given, str) else given


class Decided(Strict):
    """A rule, subgroup, budget or threshold that was chosen after looking: printed beside every row that it concerns."""

    when: str
    why: str


class Population(Strict):
    """Runs that a claim speaks of: those of which every condition on a quantity is true, ``within`` another population."""

    text: str
    having: dict[str, Condition] = {}
    within: str = ""
    decided: Decided | None = None


class Claim(BaseModel):
    """What is asked of the runs, and what was published. What is not named here are options of its kind of finding."""

    model_config = ConfigDict(extra="allow", frozen=True)

    kind: str = ""
    text: str = ""
    note: str = ""  # what is known besides, from elsewhere; printed beside the row
    decided: Decided | None = None

    @property
    def options(self) -> dict[str, Any]:
        return dict(self.model_extra or {})


@dataclass(frozen=True)
class Chosen:
    """A population with its conditions spelled out: (quantity, condition) pairs, all of which must be true."""

    text: str
    having: tuple[tuple[Quantity, Condition], ...] = ()
    decided: tuple[Decided, ...] = ()

    @property
    def looked(self) -> tuple[dict[str, str], ...]:
        """What was decided after looking, as a finding holds it."""
        return tuple({"when": one.when, "why": one.why} for one in self.decided)


EVERYONE = Chosen("every seed")


@dataclass(frozen=True)
class Asked:
    """A claim with every name resolved: what its kind of finding is called with."""

    key: str
    kind: str
    question: str
    text: str
    decided: tuple[Decided, ...]  # of the claim, then of the population that it speaks of first
    options: dict[str, Any]
    note: str = ""


def asked(
    claims: Mapping[str, Mapping[str, Claim]],
    *,
    questions: Mapping[str, Question],
    quantities: Mapping[str, Quantity],
    populations: Mapping[str, Population],
    sources: Mapping[str, str],
) -> list[Asked]:
    """Claims, question by question as the questions are written, with names resolved; an unknown one names its neighbours."""
    if unknown := [key for key in claims if key not in questions]:
        raise UnknownName("question", unknown[0], questions, "Claims are written [claims.QUESTION.NAME].")
    found = []
    for topic, question in questions.items():
        for name, claim in claims.get(topic, {}).items():
            key = f"{topic}.{name}"
            options = claim.options
            if not claim.kind and name in quantities:
                options.setdefault("quantity", name)
            for word in ("quantity", "against"):
                if word in options:
                    options[word] = quantity_of(options[word], key, quantities)
            if "quantity" in options:
                options |= {"of": options.get("of", question.of)} if options.get("of", question.of) else {}
            if "of" in options:
                names = [options["of"]] if isinstance(options["of"], str) else options["of"]
                options["of"] = tuple(chosen(one, populations, quantities) for one in names)
            if isinstance(told := options.get("published"), Mapping):
                options["published"] = {sources.get(who, who): number for who, number in told.items()}
            kind = claim.kind or ("holds" if any(word in options for word in CONDITION) else "value")
            looked = [claim.decided] if claim.decided else []
            looked += [one for population in options.get("of", ())[:1] for one in population.decided]
            found.append(
                Asked(key, kind, question.text, claim.text, tuple(dict.fromkeys(looked)), options, claim.note)
            )
    return found


def chosen(name: str, populations: Mapping[str, Population], quantities: Mapping[str, Quantity]) -> Chosen:
    """A population by name, the conditions of those that it lies within first."""
    having: list[tuple[Quantity, Condition]] = []
    decided: list[Decided] = []
    seen: list[str] = []
    inner = name
    while inner:
        if inner not in populations:
            raise UnknownName("population", inner, populations)
        if inner in seen:
            raise UserError(f"The population '{name}' lies within itself: {' within '.join([*seen, inner])}.")
        seen.append(inner)
        one = populations[inner]
        here = [(quantity_of(q, f"population {inner}", quantities), c) for q, c in one.having.items()]
        having = here + having
        decided += [one.decided] if one.decided else []
        inner = one.within
    return Chosen(populations[name].text, tuple(having), tuple(decided))


def quantity_of(given: Any, whose: str, quantities: Mapping[str, Quantity]) -> Quantity:
    """A quantity by name, or as written in a claim, over the one that it is ``like``."""
    if isinstance(given, str):
        if given not in quantities:
            raise UnknownName(f"quantity (of '{whose}')", given, quantities)
        one, whose = quantities[given], given
    else:
        for word in given:
            if word not in Quantity.model_fields:
                raise UnknownName(f"part of the quantity of '{whose}'", word, Quantity.model_fields)
        one = Quantity.model_validate(given)
    one = _over_its_model(one, whose, quantities)
    if not (one.source and one.variable):
        raise UserError(f"The quantity '{whose}' needs a source and a variable (or like = another quantity).")
    return one


def _over_its_model(one: Quantity, whose: str, quantities: Mapping[str, Quantity]) -> Quantity:
    if one.like:
        others = {name: other for name, other in quantities.items() if name != whose}
        if one.like not in others:
            raise UnknownName(f"quantity (that '{whose}' is like)", one.like, others)
        model = _over_its_model(others[one.like], one.like, others)
        said = {name: getattr(one, name) for name in one.model_fields_set - {"like"}}
        return model.model_copy(update={**said, "where": {**model.where, **one.where}})
    return one


def reads_of(quantities: Iterable[Quantity]) -> tuple[str, ...]:
    """What must be read for these quantities, each once."""
    return tuple(dict.fromkeys(one.reads for one in quantities))
