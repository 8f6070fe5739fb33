"""Numbers, names and verdicts as people say them."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from ontogeny.findings.base import Finding
from ontogeny.findings.verdicts import Published

#: What the tokens of code that get into sentences are called there.
NAMES = {
    "d_hidden": "width",
    "d_mlp": "width of the MLP",
    "d_model": "width of the residual stream",
    "tn_similarity": "similarity of the weights",
    "activation_similarity": "similarity of the outputs",
    "js_divergence": "divergence of the frequencies",
}
UNITS = {"nat": "nats", "step": "steps", "epoch": "epochs", "input": "inputs", "cycle": "cycles"}
#: Units of which a value is a share of 1, said in per cent.
SHARES = (
    "share",
    "share of runs",
    "share of pairs",
    "share that reached",
    "share of seeds",
    "share of variance",
    "share of energy",
    "share inside",
)
#: Units that say nothing, or that the claim says already.
SILENT = ("", "1", "rank correlation")
#: A sign before the word of a verdict, and the tone that colours it: neither is needed to read the other.
TONES = {
    "as published": ("✓", "yes"),
    "holds": ("✓", "yes"),
    "not as published": ("✗", "no"),
    "does not hold": ("✗", "no"),
    "compatible, varies by seed": ("≈", "mixed"),
    "in part": ("≈", "mixed"),
    "differs by seed": ("≈", "mixed"),
    "too few seeds": ("?", "open"),
    "not in every seed": ("?", "open"),
    "every seed": ("●", "plain"),
    "no seed": ("○", "plain"),
}
SAID = {"every seed": "true of every seed", "no seed": "true of no seed"}
RAISED = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def number(value: float) -> str:
    """Three digits, thousands parted, a true minus; the very small as 2·10⁻⁵."""
    if math.isnan(value):
        return "–"
    size = abs(value)
    if math.isinf(value):
        text = "infinite"
    elif 0 < size < 1e-4:
        digit, _, power = f"{size:.0e}".partition("e")
        text = f"{digit}·10{str(int(power)).translate(RAISED)}"
    elif size >= 1000 or float(value).is_integer():
        text = f"{size:,.0f}"
    else:
        text = (
            f"{size:.{2 - math.floor(math.log10(size))}f}".rstrip("0").rstrip(".")
            if size < 100
            else f"{size:.0f}"
        )
    return f"−{text}" if value < 0 and text != "0" else text


def per_cent(value: float) -> str:
    """ "41 %", "99.4 %": a digit more where whole per cents would hide how near to all or nothing it is."""
    if math.isnan(value):
        return "–"
    hundred = 100 * value
    near = min(abs(hundred), abs(100 - hundred))
    text = (
        f"{abs(hundred):.0f} %" if near >= 2 or near < 1e-9 else f"{abs(hundred):.1f} %".replace(".0 ", " ")
    )
    return f"−{text}" if hundred < 0 and text != "0 %" else text


def quantity(values: Sequence[float], units: str) -> str:
    """One number with its units, or several from … to …: "3,100 to 6,500 steps", "63 %", "width 51"."""
    if units in SHARES:
        told = [per_cent(v) for v in values]
        return " to ".join([*(one.removesuffix(" %") for one in told[:-1]), told[-1]])
    text = " to ".join(number(v) for v in values)
    if units in SILENT or all(math.isnan(v) for v in values):
        return text
    if units == "p-value":
        return f"p = {text}"
    if units in NAMES:
        return f"{NAMES[units]} {text}"
    words = plain(UNITS.get(units, units))
    if words.startswith(("expected", "median")):
        return f"{text} expected"
    return text if words.endswith(("accuracy", "setting")) else f"{text} {words}"


def counted(found: Finding) -> tuple[int, int] | None:
    """(seeds of which it is true, seeds), of a statement that is true or false of a seed."""
    return (int(found.details["yes"]), found.n) if "yes" in found.details else None


def stated(found: Finding) -> bool:
    """Whether what was published is a statement, said to be true or false, and no number."""
    return counted(found) is not None or bool(found.details.get("statement"))


def parts(found: Finding) -> str:
    """What a whole is made of: "10 % the split, 90 % their combination"; nothing of a finding that is no whole."""
    columns = (found, *found.beside) if found.details.get("parts") else ()
    return ", ".join(f"{quantity([one.value], one.units)} {one.of}" for one in columns)


def measured(found: Finding) -> str:
    """What was found: "7 of 8 seeds", or the average over seeds."""
    if (count := counted(found)) is not None:
        return f"{count[0]} of {seeds(count[1])}" if count[1] else "–"
    return quantity([found.value], found.units)


def around(found: Finding) -> str:
    """Its interval, to stand beside the value: "0.6 to 0.8"."""
    if found.interval is None or counted(found) is not None or any(math.isnan(x) for x in found.interval):
        return ""
    return quantity(found.interval, found.units if found.units in SHARES else "")


def of_kind(found: Finding) -> str:
    """What lies in the interval, in words."""
    if found.interval_of:
        return found.interval_of
    return {"prediction": "where a new seed would lie", "confidence": "where the average lies", "chance": "what chance gives"}.get(
        found.interval_kind, ""
    )  # fmt: skip


def published(found: Finding) -> str:
    """What was published, number by number; "yes" and "no" of a statement."""
    if stated(found):
        told = ["yes" if one.value else "no" for one in found.published]
    else:
        told = [printed(one, found.units) for one in found.published]
    return " / ".join(dict.fromkeys(told))


def printed(one: Published, units: str = "") -> str:
    """The digits that were printed: 0.42 with a rounding of .005 has two. Shares are in per cent, as ours are."""
    if units in SHARES:
        digits = max(0, round(-math.log10(2 * one.rounding)) - 2) if one.rounding else 0
        return f"{100 * one.value:.{digits}f} %"
    if one.rounding and one.rounding < 0.5:
        digits = round(-math.log10(2 * one.rounding))
        return f"{one.value:,.{digits}f}".replace("-", "−")
    return number(one.value)


def verdict(found: Finding) -> tuple[str, str, str]:
    """(sign, word, tone): the verdict, or what the finding is a property of where nothing was to be judged."""
    word = found.verdict or found.property_of
    sign, tone = TONES.get(word, ("", "plain"))
    shown = SAID.get(word, word)
    if found.property_of == "every seed" and not found.verdict and counted(found) is None:
        shown = "alike in every seed"
    return sign, shown, tone


def seeds(n: int) -> str:
    return f"{n} seed{'s' * (n != 1)}"


def listed(words: Iterable[str], last: str = "and") -> str:
    """ "a", "a and b", "a, b and c"."""
    *front, end = list(words) or [""]
    return f"{', '.join(front)} {last} {end}" if front else end


def plain(text: str) -> str:
    """A sentence without tokens of code: ``d_hidden`` → width, ``seed=3`` → seed 3, ``validation_accuracy`` → validation accuracy, ``(centred=true)`` → (centred)."""
    text = re.sub(r"\(([a-z]\w*)=true\)", r" (\1)", text)
    text = re.sub(r"\b([A-Za-z]\w*)=(-?[\d.]+)\b", r"\1 \2", text)
    text = re.sub(r"(?<=\d)%", " %", re.sub(r"(?<=[\s(])-(?=[\d.])", "−", text))
    for token, words in NAMES.items():
        text = re.sub(rf"\b{token.replace('_', '[_ ]')}\b( =)?", words, text)
    return re.sub(r"\b[a-z]+(?:_[a-z0-9]+)+\b", lambda found: found.group().replace("_", " "), text)


def capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def sentence(text: str) -> str:
    """Begun with a capital, ended with a full stop."""
    text = " ".join(text.split())
    return f"{capital(text)}{'' if text.endswith(('.', '!', '?', '…')) else '.'}" if text else ""


def known(values: Iterable[Any]) -> np.ndarray:
    """The numbers among these that are neither missing nor infinite."""
    given = np.array([np.nan if v is None else v for v in values], dtype=float)
    return given[np.isfinite(given)]
