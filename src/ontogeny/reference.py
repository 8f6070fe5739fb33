"""``docs/recipes.md``, generated from the schema and the registries: ``python -m ontogeny.reference > docs/recipes.md``.

What a key is for stands here; its type, range and default are those of the schema, so that they cannot be wrong.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import MISSING, fields
from typing import Any

from pydantic import BaseModel
from pydantic_core import PydanticUndefined

from ontogeny import axes, registry
from ontogeny.claims import Claim, Condition, Decided, Population, Quantity, Question
from ontogeny.options import describe
from ontogeny.study import Answer, Range, ReportSection, Schedule, Seeds, Stop, Study, Training, Use

TABLES: Mapping[str, tuple[type[BaseModel], str, str]] = {
    "The recipe": (Study, "What a study is. Only `name`, `task` and `architecture` must be there.", ""),
    "[train]": (Training, "How long, and on what batches. Left out, the runs come from elsewhere.", "[train]\nepochs = 600\nbatch = 64"),
    "[train.stop]": (Stop, "A variant stops where this is first seen to be true.", '[train.stop]\nmetric = "test_accuracy"\nat_least = 1.0'),
    "[checkpoints], [train.evaluate], [resume_points]": (Schedule, "When: a union of everything that is given; step 0 and the last are always in.", "[checkpoints]\nper_decade = 7"),
    "ranges = [{…}]": (Range, "Equally spaced points, both ends in.", "[checkpoints]\nranges = [{ every = 10, stop = 1000 }, { every = 100 }]"),
    "[seeds]": (Seeds, '`seed` sets those that are left at `"seed"`; a number fixes one for all variants.', "[seeds]\nsplit = 0"),
    "lenses, measures, views": (Use, "By name, or with options.", '[[lenses]]\nname = "key_frequencies"\noptions = { source = "logits" }'),
    "[[report]]": (ReportSection, "A section of the report.", '[[report]]\nheading = "How do they learn?"\nviews = ["loss_curves"]'),
    "[[answer]]": (Answer, "A sentence that the report opens with.", '[[answer]]\nsay = "Held-out inputs are right in {when.accuracy:percent}."'),
    "[questions]": (Question, "To which the claims belong.", '[questions]\nwhen = "When does it generalise?"'),
    "[quantities]": (Quantity, "One number a run.", '[quantities]\naccuracy = { source = "runs", variable = "test_accuracy", bounds = [0, 1] }'),
    "[populations]": (Population, "The runs of which a claim speaks.", '[populations]\nright = { text = "seeds that answer everything rightly", having = { accuracy = { at_least = 1.0 } } }'),
    "[claims.QUESTION.NAME]": (Claim, "A finding: which number, by which rule, beside what was published. Further keys are options of its kind.", '[claims.when]\naccuracy = { text = "Accuracy on what was held out" }'),
    "having = { NAME = {…} }": (Condition, "When a statement about a number is true.", ""),
    "decided = {…}": (Decided, "What was chosen after looking.", ""),
}  # fmt: skip

MEANING = {
    "schema_version": "version of this form; written by ontogeny",
    "name": "what the study is called; of a use, what is used",
    "title": "heading of the report",
    "question": "what the study asks, in a sentence; of a quantity's claim, see above",
    "task": "what is learned: `kind` and its settings, see [tasks](#tasks)",
    "architecture": "the model: `kind` and its settings, see [architectures](#architectures)",
    "objective": "what is minimised, see [objectives](#objectives)",
    "optimiser": "see [optimisers](#optimisers)",
    "seeds": "which source of randomness `seed` sets",
    "train": "how long, and on what batches",
    "checkpoints": "when weights are kept",
    "resume_points": "when training can be taken up again besides the last point (for denser checkpoints afterwards)",
    "vary": 'grid of settings by dotted path, `"optimiser.lr" = [1e-3, 1e-2]`, and `seed = {range = [0, 4]}`; every combination is a run',
    "zip": "groups of names in `vary` that move together",
    "crossed": "a second grid, or several (`[[crossed]]`), of runs that only findings over `all:runs` read",
    "lenses": "what looks at every checkpoint; none named: every cheap one that can",
    "measures": "by what all pairs of runs are compared",
    "answer": "sentences that the report opens with, of which the first five that hold are said",
    "say": "the sentence; `{CLAIM:FORM}` is filled in from what was found",
    "report": "sections of the report; none: curves of training",
    "sources": "who published what the claims quote, by key",
    "questions": "to which the claims belong",
    "quantities": "numbers that claims speak of",
    "populations": "choices of runs",
    "claims": "by question; `false` leaves one out of a recipe that is extended",
    "published": "a published table, row by row",
    "epochs": "passes over the examples to train on (tasks with a table)",
    "steps": "updates, instead of `epochs`",
    "batch": 'examples an update; `"full"`: all',
    "clip": "largest norm of the gradient of a variant",
    "evaluate": "when loss and accuracy are logged",
    "stop": "when a variant stops early; of a range, its end",
    "metric": "a logged column, such as `test_accuracy`",
    "check": "when else the rule is looked at; cheaper than to log everything",
    "at_least": "true from here up",
    "at_most": "true from here down",
    "equals": "true at this value",
    "unit": "what is counted",
    "ranges": "equally spaced points",
    "per_decade": "log-spaced points in every factor of ten, whatever the duration",
    "at": "points one by one",
    "every": "how far apart",
    "start": "where it begins",
    "init": "initialisation",
    "split": "which examples are trained on",
    "order": "order of the batches",
    "options": "over the defaults of what is used",
    "label": "what it is called in the report",
    "heading": "the question that the section answers",
    "prose": "text below it",
    "views": "pictures",
    "text": "as a person says it",
    "of": "populations; a column of the answers each",
    "like": "another quantity, whose settings are meant where this one has none",
    "source": "`runs`, `metrics`, a lens by name, or a word of what findings read",
    "variable": "column, or variable of the lens",
    "where": "ticks by axis",
    "reduce": "how what is left becomes one number",
    "minus": "what is taken off it",
    "units": "of the number",
    "bounds": "what it can be",
    "discrete": "whole numbers",
    "grid": "how far apart the checkpoints are at which it can be seen",
    "resolution": "the difference that matters",
    "having": "conditions by quantity, all of which must be true",
    "within": "another population that it lies in",
    "decided": "when and why it was chosen after looking",
    "kind": "kind of finding; left out, `value`, or `holds` where there is a condition",
    "note": "what is known besides, printed beside the row",
    "when": "before or after what",
    "why": "the reason",
}  # fmt: skip

ROOMS = ("tasks", "architectures", "objectives", "optimisers")
USED = ("lenses", "measures", "findings", "views")


def page() -> str:
    """The whole page."""
    return "\n".join([*_schema(), *_parts(), *_catalogues(), *_axes()]) + "\n"


def _schema() -> Iterator[str]:
    yield "# The recipe, key by key\n"
    yield "A study is a TOML file (or a mapping of the same form). `ontogeny new NAME` writes one with comments; `ontogeny run RECIPE --out DIR --dry-run`"
    yield 'says what it asks for. `extends = "grokking"` lays a file over another recipe. This page is generated: `make docs`.\n'
    for title, (model, words, example) in TABLES.items():
        yield f"## {title}\n\n{words}\n\n| key | type | default | meaning |\n|---|---|---|---|"
        for name, one in model.model_fields.items():
            default = "required" if one.is_required() else _value(one.default)
            limits = ", ".join(
                f"{_SIGNS[w]} {getattr(m, w)}" for m in one.metadata for w in _SIGNS if hasattr(m, w)
            )
            kind = _type(one.annotation) + (f", {limits}" if limits else "")
            yield f"| `{name}` | {kind} | {default} | {MEANING[name]} |"
        yield f"\n```toml\n{example}\n```\n" if example else ""


def _parts() -> Iterator[str]:
    for room in ROOMS:
        yield f"## {room.capitalize()}\n"
        for name, cls in getattr(registry, room).items():
            yield f"**`{name}`** – {_line(describe(cls))}\n"
            yield from settings(cls)


def settings(cls: Any) -> Iterator[str]:
    """The settings of a registered dataclass as a table."""
    rows = [f"| `{f.name}` | {_type(f.type)} | {_default(f)} |" for f in fields(cls)]
    yield from (["| setting | type | default |\n|---|---|---|", *rows, ""] if rows else [])


def _catalogues() -> Iterator[str]:
    for room in USED:
        yield f"## {room.capitalize()}\n\n| name | question | options |\n|---|---|---|"
        for name, entry in getattr(registry, room).items():
            options = ", ".join(f"{key} = {_value(value)}" for key, value in entry.defaults.items())
            yield f"| `{name}` | {_line(entry.question)} | {_line(options)} |"
        yield ""


def _axes() -> Iterator[str]:
    yield "## Axes\n\nNames of the axes of results.\n\n| axis | meaning |\n|---|---|"
    yield from (f"| `{name}` | {_line(words)} |" for name, words in axes.AXES.items())


_SIGNS = {"gt": ">", "ge": "≥", "lt": "<", "le": "≤", "min_length": "length ≥", "max_length": "length ≤"}


def _type(annotation: Any) -> str:
    """ "int or text", as a person reads it."""
    text = annotation if isinstance(annotation, str) else getattr(annotation, "__name__", str(annotation))
    if not isinstance(annotation, str | type) or "[" in str(annotation):
        text = str(annotation)
    text = re.sub(r"\b[a-z_]+(\.[a-z_]+)*\.(?=[A-Z]\w)|typing\.|ontogeny\.\w+\.", "", text)
    text = re.sub(r"Annotated\[(\w+), [^\]]*\)\]", r"\1", text)
    words = {"str": "text", "int": "whole number", "float": "number", "bool": "yes or no", "NoneType": "None"}
    text = re.sub(r"\b(str|int|float|bool|NoneType)\b", lambda m: words[m[1]], text)
    return _line(text.replace(" | None", "").replace(" | ", " or "))


def _default(f: Any) -> str:
    if f.default is MISSING and f.default_factory is MISSING:
        return "required"
    return _value(f.default if f.default is not MISSING else f.default_factory())


def _value(value: Any) -> str:
    if value is None or value is PydanticUndefined or value == "":
        return "–"
    if isinstance(value, BaseModel):
        given = ", ".join(f"{k} = {v!r}" for k, v in value.model_dump(exclude_defaults=True).items())
        return _line(f"{{{given}}}")
    return _line(f"`{value!r}`")


def _line(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


if __name__ == "__main__":
    print(page(), end="")
