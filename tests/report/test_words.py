"""Numbers, names and verdicts as people say them."""

import math

import pytest

from ontogeny.findings.base import Finding
from ontogeny.findings.verdicts import VERDICTS, Published
from ontogeny.report import words


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.123456, "0.123"), (-3.25, "−3.25"), (12345.6, "12,346"), (3100.0, "3,100"), (7.0, "7"), (0.0, "0"), (-0.0, "0"), (123.4, "123"),
        (2e-5, "2·10⁻⁵"), (-2e-5, "−2·10⁻⁵"), (math.inf, "infinite"), (-math.inf, "−infinite"), (math.nan, "–"), (0.9, "0.9"), (99.96, "100"),
    ],
)  # fmt: skip
def test_number(value, text):
    assert words.number(value) == text


@pytest.mark.parametrize(("value", "text"), [(float("nan"), "–"), (0.41, "41 %"), (1.0, "100 %"), (0.0, "0 %"), (0.994, "99.4 %"), (0.001, "0.1 %"), (0.02, "2 %"), (-0.005, "−0.5 %"), (-0.41, "−41 %")])  # fmt: skip
def test_per_cent(value, text):
    assert words.per_cent(value) == text


@pytest.mark.parametrize(
    ("values", "units", "text"),
    [
        ([51.0], "d_hidden", "width 51"), ([3100.0, 6500.0], "step", "3,100 to 6,500 steps"), ([0.1, 0.42], "share", "10 to 42 %"),
        ([0.3], "p-value", "p = 0.3"), ([0.3], "1", "0.3"), ([0.5], "nat", "0.5 nats"), ([0.97], "validation_accuracy", "0.97"),
    ],
)  # fmt: skip
def test_quantity(values, units, text):
    assert words.quantity(values, units) == text


@pytest.mark.parametrize(
    ("given", "units", "text"),
    [("0.42", "1", "0.42"), ("1.00", "1", "1.00"), ("0.164", "share", "16.4 %"), ("4", "1", "4"), ("1.5e3", "step", "1,500"), ("-3", "1", "−3")],
)  # fmt: skip
def test_what_was_printed_keeps_its_digits(given, units, text):
    assert words.printed(Published.of(given), units) == text


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("seed=3 has d_hidden = 16", "seed 3 has width 16"), ("by tn_similarity and js divergence", "by similarity of the weights and divergence of the frequencies"), ("validation_accuracy ≥ 1", "validation accuracy ≥ 1"), ("lies at -3 (95%)", "lies at −3 (95 %)"),
        ("Σ_k of a+b", "Σ_k of a+b"), ("one-layer at 1-2", "one-layer at 1-2"),
    ],
)  # fmt: skip
def test_no_tokens_of_code(text, told):
    assert words.plain(text) == told


def test_every_verdict_has_a_sign_that_needs_no_colour():
    told = {word: words.verdict(Finding("c", verdict=word)) for word in VERDICTS if word}
    assert all(sign and shown for sign, shown, _ in told.values())
    tones = {}
    for sign, _, tone in told.values():
        tones.setdefault(tone, set()).add(sign)
    assert all(len(signs) == 1 for signs in tones.values()) and len(tones) == 4


def test_where_nothing_was_published_the_reach_is_the_word():
    assert words.verdict(Finding("c", property_of="every seed"))[1] == "alike in every seed"
    assert (
        words.verdict(Finding("c", property_of="every seed", details={"yes": 5}))[1] == "true of every seed"
    )
    assert words.verdict(Finding("c")) == ("", "", "plain")
