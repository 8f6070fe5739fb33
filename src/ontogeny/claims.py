"""The schema of a claim: which number, of which runs, by which rule, beside what was published. No torch.

    [sources]
    first = "the published model"

    [questions]
    embedding = "What does the embedding look like?"

    [quantities.accuracy]
    source = "runs"
    variable = "all_accuracy"

    [populations.right]
    text = "seeds that answer all 100 inputs rightly"
    having = { accuracy = { at_least = 1.0 } }

    [claims.pc1]
    question = "embedding"
    text = "Share of the embedding's variance in its first component"
    quantity = { source = "embedding_geometry", variable = "explained", where = { component = 1 }, bounds = [0, 1] }
    of = "right"
    published = { first = "0.73" }
    resolution = 0.1

Everything is keyed, so that a recipe that ``extends`` another changes it claim by claim; ``claims.pc1 = false`` leaves one out.
A quantity is given by its name or in place. What a claim says beside ``kind``, ``question``, ``text`` and ``decided`` are options of
its kind of finding: ``value`` (a number), ``holds`` (with ``at_least``, ``at_most`` or ``equals``: a statement), or the one that
it names.
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
    """What is taken off a quantity: another variable, other ticks or another reduction of the same source."""

    variable: str | None = None
    where: dict[str, Any] | None = None
    reduce: str | None = None


class Quantity(Strict):
    """One number a run. ``source``: ``runs``, ``metrics``, a lens by name (at the last step), or a word of :mod:`ontogeny.reads`."""

    source: str
    variable: str
    where: dict[str, Any] = {}
    reduce: str = "mean"
    minus: Part | None = None
    text: str = ""  # as a person says it, where runs are chosen by it
    units: str = ""
    bounds: tuple[float, float] = (-math.inf, math.inf)
    discrete: bool = False  # whole numbers
    grid: float = Field(0.0, ge=0)  # how far apart the checkpoints are at which it can be seen

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


class Population(Strict):
    """Runs that a claim speaks of: those of which every condition on a quantity is true, ``within`` another population."""

    text: str
    having: dict[str, Condition] = {}
    within: str = ""


class Decided(Strict):
    """A rule, subgroup, budget or threshold that was chosen after looking: printed beside the row."""

    when: str
    why: str


class Claim(BaseModel):
    """One question to the runs, and what was published. What is not named here are options of its kind of finding."""

    model_config = ConfigDict(extra="allow", frozen=True)

    kind: str = ""
    question: str = ""
    text: str = ""
    decided: Decided | None = None

    @property
    def options(self) -> dict[str, Any]:
        return dict(self.model_extra or {})


@dataclass(frozen=True)
class Chosen:
    """A population with its conditions spelled out: (quantity, condition) pairs, all of which must be true."""

    text: str
    having: tuple[tuple[Quantity, Condition], ...] = ()


EVERYONE = Chosen("every seed")


@dataclass(frozen=True)
class Asked:
    """A claim with every name resolved: what its kind of finding is called with."""

    key: str
    kind: str
    question: str
    text: str
    decided: Decided | None
    options: dict[str, Any]


def asked(
    claims: Mapping[str, Claim],
    *,
    questions: Mapping[str, str],
    quantities: Mapping[str, Quantity],
    populations: Mapping[str, Population],
    sources: Mapping[str, str],
) -> list[Asked]:
    """Claims in the order of their questions, then as they are written, with names resolved; an unknown one names its neighbours."""
    order = {key: place for place, key in enumerate(questions)}
    found = []
    for key, claim in claims.items():
        if claim.question and claim.question not in questions:
            raise UnknownName(f"question of the claim '{key}'", claim.question, questions)
        options = claim.options
        if "quantity" in options:
            options["quantity"] = _quantity(key, options["quantity"], quantities)
        if "of" in options:
            names = [options["of"]] if isinstance(options["of"], str) else list(options["of"])
            options["of"] = tuple(chosen(name, populations, quantities) for name in names)
        if isinstance(told := options.get("published"), Mapping):
            options["published"] = {sources.get(who, who): number for who, number in told.items()}
        kind = claim.kind or ("holds" if any(word in options for word in CONDITION) else "value")
        found.append(
            Asked(
                key, kind, questions.get(claim.question, claim.question), claim.text, claim.decided, options
            )
        )
    return sorted(found, key=lambda one: order.get(claims[one.key].question, len(order)))


def chosen(name: str, populations: Mapping[str, Population], quantities: Mapping[str, Quantity]) -> Chosen:
    """A population by name, the conditions of those that it lies within first."""
    having: list[tuple[Quantity, Condition]] = []
    seen: list[str] = []
    text, inner = "", name
    while inner:
        if inner not in populations:
            raise UnknownName("population", inner, populations)
        if inner in seen:
            raise UserError(f"The population '{name}' lies within itself: {' within '.join([*seen, inner])}.")
        seen.append(inner)
        one = populations[inner]
        text = text or one.text
        here = [(_quantity(f"population {inner}", q, quantities), c) for q, c in one.having.items()]
        having = here + having
        inner = one.within
    return Chosen(text, tuple(having))


def _quantity(whose: str, given: Any, quantities: Mapping[str, Quantity]) -> Quantity:
    if isinstance(given, str):
        if given not in quantities:
            raise UnknownName(f"quantity (of '{whose}')", given, quantities)
        return quantities[given]
    for word in given:
        if word not in Quantity.model_fields:
            raise UnknownName(f"part of the quantity of '{whose}'", word, Quantity.model_fields)
    return Quantity.model_validate(given)


def reads_of(quantities: Iterable[Quantity]) -> tuple[str, ...]:
    """What must be read for these quantities, each once."""
    return tuple(dict.fromkeys(one.reads for one in quantities))
