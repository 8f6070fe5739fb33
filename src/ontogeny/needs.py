"""What lenses, measures, views and findings read, in one grammar with one parser.

Of one model, what lenses and measures are given:

    weights[:NAME] · tap:NAME · site:ROLE · outputs · gradients · split · grid · period · group · truth · host · sequences
    lens:NAME[(option=value, …)][@same|@final]

Of a study, what views and findings are given:

    runs · metrics · metrics:events[(option=value, …)] · published · findings[:KIND]
    lens:NAME[(…)][@final|@initial|@steps|@cursor] · measure:NAME[(…)][@final|@initial|@steps]

``metrics:events`` is what happened in the log of every run, one row a run: memorised, grokked, slingshots, ‖θ‖ then.

An unmarked lens is that of the step that is looked at: for a lens its own step, for views and findings the last. ``@steps`` is all of
them, over (run, step, …), of a measure as many of those that all runs keep as its option ``most`` says, over (step, run, run_other); a measure takes
``among = {d_hidden = 48}`` besides, where only such runs are compared; ``@cursor`` is what a cursor moves over: the step that the view's option ``step`` names, or as many as a page
carries, on an axis ``step`` in either case. A word speaks of the runs of the study's ``vary``; with ``all:`` before it, also of those of
``crossed``; with ``one:``, of the one run that the view's option ``run`` names, without an axis of runs. A trailing ``?`` marks what
can be done without. ``{option}`` is filled in from the options of whoever reads (lists and tables as TOML), so what is declared is
what is read.
"""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from ontogeny.errors import UnknownName, UserError

OF_MODEL = (
    "weights",
    "tap",
    "site",
    "outputs",
    "gradients",
    "split",
    "grid",
    "period",
    "group",
    "truth",
    "host",
    "sequences",
    "lens",
)
OF_STUDY = ("runs", "metrics", "published", "findings", "lens", "measure")
_FORM = re.compile(
    r"(?P<whose>all:|one:)?(?P<kind>\w+)(:(?P<name>[^()@?]+)(\((?P<options>.*)\))?(@(?P<when>\w+))?)?(?P<optional>\?)?",
    re.DOTALL,
)
_WHEN = {"lens": ("final", "initial", "steps", "cursor", "same"), "measure": ("final", "initial", "steps")}


@dataclass(frozen=True)
class Need:
    """One thing that is read."""

    kind: str
    name: str
    options: Mapping[str, Any]
    when: str
    optional: bool
    all: bool = False
    one: bool = False
    among: Mapping[str, Any] = field(
        default_factory=dict
    )  # of a measure: what the runs have in common that it compares
    most: int = 16  # of a measure @steps: how many

    @property
    def keyword(self) -> str:
        """The argument it is handed as: the name of the lens, measure or kind of finding, or the word itself."""
        return self.name or self.kind


def parse(word: str, kinds: Collection[str] = OF_STUDY) -> Need:
    """One word of the grammar; anything else is refused with the forms there are."""
    match = _FORM.fullmatch(word)
    if match is None:
        raise UserError(
            f"'{word}' cannot be read. Forms: lens:NAME(option=value)@final, {', '.join(k for k in kinds if k != 'lens')}."
        )
    part = match.groupdict()
    kind, when = part["kind"], part["when"]
    if kind not in kinds:
        raise UnknownName("thing to read", kind, kinds)
    if kind in ("tap", "site", "lens", "measure") and not part["name"]:
        raise UserError(f"'{word}' does not say which {kind}; write {kind}:NAME.")
    if when and when not in _WHEN.get(kind, ()):
        if kind == "measure":
            raise UserError(f"'{word}': a measure compares runs at @final, @initial or @steps.")
        raise UserError(
            f"'{word}': of a lens there is @{', @'.join(_WHEN['lens'])}, of anything else no @{when}."
        )
    options = _read(part["options"] or "", word)
    extra = {key: options.pop(key) for key in ("among", "most") if kind == "measure" and key in options}
    unmarked = "same" if kinds is OF_MODEL else "final"
    return Need(
        kind,
        part["name"] or "",
        options,
        when or unmarked,
        bool(part["optional"]),
        part["whose"] == "all:",
        part["whose"] == "one:",
        **extra,
    )


def _read(options: str, word: str) -> dict[str, Any]:
    """What stands in the brackets, as TOML."""
    try:
        return dict(tomllib.loads(f"o = {{{options}}}")["o"])
    except tomllib.TOMLDecodeError:
        raise UserError(
            f"'{word}': ({options}) cannot be read. Write (option = value), words in quotation marks: (tap = \"neurons[-1]\")."
        ) from None


def of_model(words: Iterable[str], options: Mapping[str, Any]) -> tuple[Need, ...]:
    """What a lens or measure reads under these options."""
    return tuple(parse(word, OF_MODEL) for word in filled(tuple(words), options))


def filled(words: tuple[str, ...], options: Mapping[str, Any]) -> tuple[str, ...]:
    """The words with ``{option}`` filled in."""
    return tuple(re.sub(r"\{(\w+)\}", lambda m: _written(options[m[1]]), word) for word in words)


def _written(value: Any) -> str:
    """Words as they are; lists and tables in TOML, on one line."""
    return value if isinstance(value, str) else inline(value)


def inline(value: Any) -> str:
    """A value as TOML on one line."""
    if hasattr(value, "tolist"):  # NumPy's and torch's
        value = value.tolist()
    if isinstance(value, Mapping):
        # TOML has no nothing: it is left out
        there = {key: one for key, one in value.items() if one is not None}
        return "{" + ", ".join(f"{_quoted(str(key))} = {inline(one)}" for key, one in there.items()) + "}"
    if isinstance(value, list | tuple | range):
        return f"[{', '.join(map(inline, value))}]"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        return _quoted(value)
    if isinstance(value, int | float):
        return str(value)
    raise UserError(
        f"An option of a view or finding is {value!r}; it can be a number, a word, a list or a table."
    )


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)
