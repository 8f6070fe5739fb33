"""The answer that a report opens with: at most five plain sentences, made from the findings by rule.

A study may phrase them in its recipe,

    [[answer]]
    say = "{when.groks:count} learn the rule, after {when.grokked:range}."
    when = { "when.groks" = { at_least = 0.5 }, "forms.ahead" = ["as published", "compatible, varies by seed"] }

where ``{CLAIM}`` is a claim by question and name, ``{CLAIM/POPULATION}`` one of its further columns, what follows a colon one of
:data:`FORMS`, and ``{tally}`` a sentence on how all that was published fared. Every number comes from the results; a sentence
of which a number is not known, or a condition does not hold, is not said. Where a study phrases nothing that holds, each
question is answered by its first claim.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence

import numpy as np

from ontogeny.claims import Condition
from ontogeny.errors import UnknownName
from ontogeny.findings.base import Finding
from ontogeny.findings.per_run import meets
from ontogeny.findings.verdicts import by_chance
from ontogeny.report import words
from ontogeny.report.words import per_cent, plain, quantity, sentence
from ontogeny.study import Study

MOST = 5  # sentences
EVERYONE = ("", "every seed")
BETWEEN = {"prediction": "a new seed: {}", "confidence": "95 % interval: {}", "chance": "by chance: {}"}
PLACE = re.compile(r"\{([\w.]+)(?:/([\w ]+))?(?::(\w+))?\}")


def _values(found: Finding) -> Sequence[float]:
    return words.known(found.values).tolist()


def _bare(found: Finding, *of: Callable[[Sequence[float]], float]) -> str:
    """Numbers made of those of the seeds, without their units unless they are shares."""
    numbers = dict.fromkeys(float(one(_values(found))) for one in of) if _values(found) else {}
    return quantity(list(numbers), found.units if found.units in words.SHARES else "") if numbers else ""


FORMS: dict[str, Callable[[Finding], str]] = {
    "value": words.measured,
    "percent": lambda f: per_cent(f.value),
    "interval": words.around,
    "range": lambda f: _bare(f, min, max),
    "median": lambda f: _bare(f, np.median),
    "count": lambda f: words.measured(f) if words.counted(f) else "",
    "number": lambda f: "" if f.value != f.value else words.number(f.value),
    "unexplained": lambda f: per_cent(1 - f.value),
    "by_chance": lambda f: per_cent(f.details["part_by_chance"]) if "part_by_chance" in f.details else "",
    "untrained": lambda f: words.number(f.details["untrained"]) if "untrained" in f.details else "",
    "other": lambda f: per_cent(f.details["with_other"]) if "with_other" in f.details else "",
    "own": lambda f: per_cent(f.details["with_own"]) if "with_own" in f.details else "",
    "who": lambda f: f"seed{'s' * (len(f.seeds) > 1)} {words.listed(map(str, f.seeds))}" if f.seeds else "",
    "seeds": lambda f: words.seeds(f.n) if f.n else "",
    "published": lambda f: words.listed(dict.fromkeys(words.printed(one, f.units) for one in f.published)),
    "verdict": lambda f: words.verdict(f)[1],
}


def answer(study: Study, findings: Sequence[Finding]) -> list[str]:
    """The sentences: those of the recipe that hold, or one a question; the last says how what was published fared."""
    by_key, summary = keyed(findings), tally(findings)
    texts = {name: one.text for name, one in study.populations.items()}
    phrased = [
        said
        for one in study.answer
        if all(holds(column(by_key, key, texts), asked) for key, asked in one.when.items())
        and (said := filled(one.say, by_key, texts, summary))
    ]
    if any(one.rstrip(".") != summary.rstrip(".") for one in phrased):
        return phrased[:MOST]
    return [*by_question(findings)[: MOST - bool(summary)], *([summary] if summary else [])]


def keyed(findings: Sequence[Finding]) -> dict[str, Finding]:
    """Claim → its finding, the first where a kind made several of one name."""
    found: dict[str, Finding] = {}
    for one in findings:
        found.setdefault(one.key, one)
    return found


def column(by_key: Mapping[str, Finding], key: str, texts: Mapping[str, str]) -> Finding | None:
    """The finding of a claim, or of one of its further populations: "embedding.pc1/plain"."""
    name, _, population = key.partition("/")
    found = by_key.get(name)
    if found is None or not population:
        return found
    of = (population, f"the {population}", texts.get(population))
    return next((one for one in (found, *found.beside) if one.of in of), None)


def holds(found: Finding | None, asked: str | Sequence[str] | Condition) -> bool:
    """Whether what a sentence supposes of a finding is so."""
    if found is None:
        return False
    if isinstance(asked, Condition):
        return bool(meets(np.array([found.value]), asked)[0] == 1)
    return bool({found.verdict, found.property_of} & ({asked} if isinstance(asked, str) else set(asked)))


def filled(say: str, by_key: Mapping[str, Finding], texts: Mapping[str, str], summary: str = "") -> str:
    """The sentence with its numbers, or nothing if one of them is not known."""
    unknown = False

    def number(match: re.Match[str]) -> str:
        nonlocal unknown
        key, population, form = match.groups()
        if key == "tally":
            unknown |= not summary
            return summary
        if (form := form or "value") not in FORMS:
            raise UnknownName("form of a number in an answer", form, FORMS)
        found = column(by_key, f"{key}/{population}" if population else key, texts)
        text = FORMS[form](found) if found is not None else ""
        unknown |= text in ("", "–") or (form in ("value", "percent") and found.value != found.value)  # type: ignore[union-attr]
        return text

    told = PLACE.sub(number, say)
    return "" if unknown else sentence(told)


def by_question(findings: Sequence[Finding]) -> list[str]:
    """One sentence a question, of the claim that was published and denied, else of the first that has a value."""
    first: dict[str, Finding] = {}
    for one in findings:
        if one.value == one.value or one.verdict:
            old = first.setdefault(one.question, one)
            if one.verdict == "not as published" and old.verdict != one.verdict:
                first[one.question] = one
    return [in_words(one) for one in first.values()]


def in_words(found: Finding) -> str:
    """A finding as a sentence: the claim, what was found, of whom, where the next would lie, and how it compares."""
    claim = plain(found.claim).rstrip(".")
    if found.value != found.value:
        return sentence(f"{claim}: {plain(found.why) or 'not known'}")
    whom = "" if found.of in EVERYONE else f" {plain(found.of)}"
    count = words.counted(found)
    if count is not None:
        what = f"{count[0]} of {count[1]}{whom or ' seeds'}"
    else:
        whom = whom or (f" seed {found.seeds[0]}" if len(found.seeds) == 1 else "")
        several = found.n > 1 and found.n_unit == "seeds"
        what = words.measured(found) + (
            f" on average over {found.n}{whom or ' seeds'}" if several else whom and f", {whom.strip()}"
        )
    lies = BETWEEN.get(found.interval_kind, "") if words.around(found) and not found.vacuous else ""
    lies = lies and f" ({lies.format(words.around(found))})"
    compared = f"; published: {words.published(found)}" if found.published and count is None else ""
    judged = f"; {words.verdict(found)[1]}" if found.verdict else ""
    return sentence(f"{claim}: {what}{lies}{compared}{judged}")


def tally(findings: Sequence[Finding]) -> str:
    """How what was published fared, and how much of that chance would do."""
    told = [f.verdict for f in findings if f.published and f.verdict]
    rows, chance = by_chance(told)
    if not told:
        return ""
    as_published, varies = told.count("as published"), told.count("compatible, varies by seed")
    denied, undecided = told.count("not as published"), len(told) - rows
    parts = [
        f"{as_published} {'are' if as_published != 1 else 'is'} found here too" if as_published else "",
        f"{varies} {'fit' if varies != 1 else 'fits'} some of our seeds but not others" if varies else "",
        f"{denied} {'are' if denied != 1 else 'is'} denied" if denied else "none is denied" if rows else "",
        f"{undecided} cannot be judged yet" if undecided else "",
    ]
    return sentence(
        f"Of {len(told)} published statement{'s' * (len(told) != 1)} {words.listed(p for p in parts if p)}{by_luck(rows, chance)}"
    )


def by_luck(rows: int, chance: float) -> str:
    """ "; of 48 judged about two would be denied by chance alone"; nothing of so few that none is to be expected."""
    if chance < 0.5:
        return ""
    many = f"about {round(chance)}" if chance >= 1.5 else "about one"
    return f"; of {rows} that are judged, {many} would be denied by chance alone"
