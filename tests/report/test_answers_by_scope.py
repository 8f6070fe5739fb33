"""Many findings are answered in a few paragraphs, by what they are properties of."""

from ontogeny.findings.base import Finding
from ontogeny.findings.verdicts import Published
from ontogeny.report.assemble import MOST_SENTENCES, plain_words


def some(n):
    words = ("every seed", "differs by seed", "our set-up", "")
    return [Finding(f"claim {i}", value=i / 8, why="because", property_of=words[i % 4]) for i in range(n)]


def test_few_findings_are_said_one_by_one():
    assert len(plain_words(some(4))) == 4


def test_many_findings_are_gathered_by_property_and_none_is_lost_but_those_without():
    every, differs, setup = plain_words(some(MOST_SENTENCES + 4))
    assert "(6)" in every and "claim 0: 0;" in every
    assert "claim 1: 0.125;" in differs and "claim 2: 0.25;" in setup


def test_rows_that_chance_excludes_are_said_where_there_are_that_many():
    told = (Published(1.0),)
    rows = [Finding(f"claim {i}", verdict="as published", published=told) for i in range(40)]
    assert plain_words(rows)[0] == "Of 40 published claims, 40 are “as published”."
    assert "about 2 would be “not as published” by chance" in plain_words(rows)[1]
    assert not any("chance" in one for one in plain_words(rows[:4]))
