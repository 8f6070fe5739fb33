"""From findings to the rows of a page: grouped by question, few of them at first, with the why on demand."""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from ontogeny.findings.base import Finding
from ontogeny.findings.calibration import leave_one_out
from ontogeny.report import words
from ontogeny.report.document import Row, Topic
from ontogeny.report.words import plain, sentence

ROWS = 14  # shown before the rest is asked for, over all questions
LEAST, MOST = 1, 4  # shown of a question
DENIED = ("not as published", "does not hold")
EVERYONE = ("", "every seed")
REACH = {
    "every seed": "The same in every seed.",
    "no seed": "So in no seed.",
    "our set-up": "Our seeds agree with one another.",
}


def topics(findings: Sequence[Finding]) -> list[Topic]:
    """The questions with their rows. Shown at first are rows that deny what was claimed, then those beside something published, then
    the first; all the others fold."""
    by_question: dict[str, list[Finding]] = {}
    for one in findings:
        by_question.setdefault(one.question, []).append(one)
    each = min(MOST, max(LEAST, ROWS // max(1, len(by_question))))
    found = []
    for question, asked in by_question.items():
        order = sorted(range(len(asked)), key=lambda i, asked=asked: (_rank(asked[i]), i))  # type: ignore[misc]
        first = set(order[:each])
        rows = [row(one, main=i in first) for i, one in enumerate(asked)]
        shared = Counter(one.whom for one in rows).most_common(1)[0][0]
        others = [replace(one, whom="" if one.whom == shared else one.whom or "every seed") for one in rows]
        found.append(Topic(question, others, shared))
    return found


def _rank(found: Finding) -> int:
    """What a reader looks for first: what is denied, what was published, what has a verdict, a number, the rest."""
    return next(i for i, yes in enumerate((found.verdict in DENIED, found.published, found.verdict, found.value == found.value, True)) if yes)  # fmt: skip


def row(found: Finding, main: bool = True) -> Row:
    """A finding as a line of the table."""
    sign, word, tone = words.verdict(found)
    whole = words.parts(found)
    return Row(
        claim=words.capital(plain(found.claim)),
        ours=whole or words.measured(found),
        interval="" if whole else words.around(found),
        interval_of="" if whole else words.of_kind(found),
        published=words.published(found),
        sign=sign,
        verdict=word,
        tone=tone,
        why=why(found),
        whom="" if whole else whom(found),
        decided=tuple(decided(one) for one in found.decided),
        main=main,
    )


def whom(found: Finding) -> str:
    """ "seeds that grok (6 of 8)"."""
    if found.of in EVERYONE:
        return ""
    few = f": {found.n + len(found.missing) + len(found.infinite)} of {found.of_all}" if found.of_all else ""
    return f"{plain(found.of)}{few}"


def why(found: Finding) -> tuple[str, ...]:
    """The reasons, a sentence each: of the verdict, of further populations, what is known besides, what was published by whom."""
    told = [sentence(plain(found.why)), REACH.get(found.property_of, "") if found.verdict else ""]
    if found.vacuous:
        told.append("The interval is all that is possible: it says nothing.")
    if sources := [
        f"{words.printed(one, found.units)} ({one.source})" for one in found.published if one.source
    ]:
        who = words.listed(dict.fromkeys(one.source for one in found.published if one.source))
        told.append(f"Published: {who if words.stated(found) else words.listed(sources)}.")
    for names, text in ((found.missing, "no such number"), (found.infinite, "it is infinite")):
        if names:
            told.append(
                f"{'In' if text.startswith('it') else 'Of'} seed{'s' * (len(names) > 1)} {words.listed(map(str, names))}: {text}."
            )
    for one in () if words.parts(found) else found.beside:  # which the reasons name already
        word, inside = words.verdict(one)[1], words.around(one)
        what = f"{words.measured(one)}{f' ({inside})' if inside else ''}{f'; {word}' if word else ''}"
        told.append(f"{sentence(plain(whom(one) or one.of or 'beside it'))[:-1]}: {what}.")
        told += [sentence(decided(choice)) for choice in one.decided]
    told.append(sentence(plain(found.note)))
    return tuple(dict.fromkeys(one for one in told if one))


def decided(one: Mapping[str, str]) -> str:
    """What was chosen after looking: "Chosen after sixteen seeds: …"."""
    when, reason = one.get("when", ""), one.get("why", "")
    return plain(f"Chosen {when or 'after looking'}{': ' if reason else ''}{reason}")


def trust(findings: Sequence[Finding]) -> list[str]:
    """How far the verdicts can be trusted: what chance would deny, and how often our own seeds would be denied."""
    told = []
    left = leave_one_out(findings)
    if left.n:
        told.append(
            f"Each of our own seeds in turn, taken for the published one and judged by the others, is “not as published” in "
            f"{words.per_cent(left.rate)} of {left.n:,} judgements of {left.rows} row{'s' * (left.rows != 1)}; 5 % is what the level of the intervals asks for."
        )
    if chosen := sum(bool(one.decided) for one in findings):
        told.append(
            f"In {chosen} of {len(findings)} rows a rule, a threshold or a subgroup was chosen after looking; it is printed beside each."
        )
    return told


def as_csv(findings: Iterable[Finding]) -> str:
    """Every row and every column of it as data: a line a claim and population."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(
        ["question", "key", "claim", "of", "value", "units", "low", "high", "interval", "n", "n_unit", "published", "verdict", "property_of", "why", "decided", "note"]
    )  # fmt: skip
    for asked in findings:
        for one in (asked, *asked.beside):
            low, high = one.interval or ("", "")
            writer.writerow(
                [asked.question, asked.key, asked.claim, one.of, one.value, one.units, low, high, one.interval_kind, one.n, one.n_unit,
                 "; ".join(f"{p.value:g}{f' ({p.source})' if p.source else ''}" for p in one.published), one.verdict, one.property_of,
                 one.why, "; ".join(map(decided, asked.decided)), asked.note]
            )  # fmt: skip
    return out.getvalue()
