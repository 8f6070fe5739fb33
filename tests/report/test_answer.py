"""The answer is made from findings by rule: sentences of the recipe where they hold, one a question where it phrases none."""

import math

import pytest

from ontogeny.errors import UnknownName
from ontogeny.findings.base import Finding
from ontogeny.findings.verdicts import Published
from ontogeny.report.answer import MOST, answer, filled, keyed, tally
from ontogeny.study import Study, built_in, load_study

ADDS = Finding("It adds", 0.75, key="how.adds", question="How?", n=4, details={"yes": 3}, verdict="as published", published=(Published(1.0),))  # fmt: skip
WAIT = Finding("It waits", 1234.5, units="step", key="how.waits", question="How long?", n=3, interval=(900.0, 2000.0), interval_kind="prediction",
               seeds=(0, 1, 2), values=(1000.0, 1200.0, math.nan), published=(Published.of("1.5e3"),),
               beside=(Finding("It waits", 10.0, of="the few that do"),))  # fmt: skip
FOUND = [ADDS, WAIT]


def study(*answers, **more):
    parts = {"task": {"kind": "modular_addition"}, "architecture": {"kind": "bilinear"}}
    return Study(name="s", answer=answers, **parts, **more)


@pytest.mark.parametrize(
    ("say", "told"),
    [
        ("{how.adds:count} add", "3 of 4 seeds add."),
        ("After {how.waits}.", "After 1,234 steps."),
        ("After {how.waits:number} ({how.waits:interval}).", "After 1,234 (900 to 2,000)."),
        ("{how.waits:range} and {how.waits:median}", "1,000 to 1,200 and 1,100."),
        ("{how.waits:published} of {how.waits:who}", "1,500 of seeds 0, 1 and 2."),
        ("{how.waits/few:number}", "10."),
        ("{how.waits/the few that do:number}", "10."),
        ("{how.adds:percent}", "75 %."),
        ("{how.waits:count}", ""),  # it is no statement true or false of a seed
        ("{how.waits/many:number}", ""),
        ("{how.gone}", ""),
    ],
)
def test_numbers_are_filled_in_or_nothing_is_said(say, told):
    assert filled(say, keyed(FOUND), {"few": "the few that do"}) == told


def test_a_form_that_is_none_is_named():
    with pytest.raises(UnknownName, match="percent"):
        filled("{how.adds:procent}", keyed(FOUND), {})


@pytest.mark.parametrize(
    ("when", "said"),
    [
        ({"how.adds": "as published"}, True),
        ({"how.adds": ["too few seeds", "as published"]}, True),
        ({"how.adds": "not as published"}, False),
        ({"how.adds": {"at_least": 0.75}}, True),
        ({"how.adds": {"at_most": 0.7}}, False),
        ({"how.adds": {"at_least": 0.5}, "how.gone": {"at_least": 0.0}}, False),
    ],
)
def test_a_sentence_is_said_where_its_conditions_hold(when, said):
    told = answer(study({"say": "So it is.", "when": when}, {"say": "Always."}), FOUND)
    assert told == (["So it is.", "Always."] if said else ["Always."])


def test_a_recipe_that_phrases_nothing_is_answered_question_by_question():
    told = answer(study(), FOUND)
    assert told[0] == "It adds: 3 of 4 seeds; as published."
    assert (
        told[1]
        == "It waits: 1,234 steps on average over 3 seeds (a new seed: 900 to 2,000); published: 1,500."
    )
    assert told[2].startswith("Of 1 published statement 1 is found here too")


def test_a_sentence_of_one_seed_names_it():
    one = Finding("It waits", 7.0, n=1, seeds=(3,), values=(7.0,), question="How long?")
    assert answer(study(), [one]) == ["It waits: 7, seed 3."]


def test_there_are_five_sentences_at_most():
    many = [Finding(f"claim {i}", 1.0, n=3, question=f"q{i}") for i in range(9)]
    assert len(answer(study(), many)) == MOST
    assert len(answer(study(*({"say": f"s{i}"} for i in range(9))), many)) == MOST
    judged = [*many, ADDS]
    assert len(answer(study(), judged)) == MOST and answer(study(), judged)[-1].startswith("Of 1 published")


def test_what_was_published_is_counted_and_chance_said():
    told = (Published(1.0),)
    words = (
        ["as published"] * 36
        + ["compatible, varies by seed"] * 2
        + ["not as published"] * 2
        + ["too few seeds"] * 3
    )
    text = tally([Finding(f"c{i}", verdict=word, published=told) for i, word in enumerate(words)])
    assert text.startswith(
        "Of 43 published statements 36 are found here too, 2 fit some of our seeds but not others, 2 are denied and 3 cannot"
    )
    assert text.endswith("of 40 that are judged, about 2 would be denied by chance alone.")
    assert tally([Finding("c", verdict="holds")]) == ""


@pytest.mark.parametrize("name", [name for name in built_in() if not name.endswith("-quick")])
def test_sentences_of_built_in_recipes_speak_of_claims_that_they_make(name):
    recipe = load_study(name)
    asked = {f"{question}.{key}" for question, of in recipe.claims.items() for key in of}
    from ontogeny.report.answer import FORMS, PLACE

    for one in recipe.answer:
        spoken = [(key, form) for key, _, form in PLACE.findall(one.say) if key != "tally"]
        spoken += [(key.partition("/")[0], "") for key in one.when]
        for key, form in spoken:
            # what follows a claim's name is the part that its kind gave a finding
            assert key in asked or key.rpartition(".")[0] in asked, key
            assert not form or form in FORMS
        assert "{" not in PLACE.sub("", one.say)
