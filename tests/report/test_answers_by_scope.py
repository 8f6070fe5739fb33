"""Many findings are answered in a few paragraphs, by what they are properties of."""

from ontogeny.findings.base import Finding
from ontogeny.report.assemble import MOST_SENTENCES, plain_words


def some(n):
    scopes = ("task", "seed", "set-up", "")
    return [Finding(f"claim {i}", value=i / 8, why="because", scope=scopes[i % 4]) for i in range(n)]


def test_few_findings_are_said_one_by_one():
    assert len(plain_words(some(4))) == 4


def test_many_findings_are_gathered_by_scope_and_none_is_lost_but_those_without():
    found = [
        *some(MOST_SENTENCES + 4),
        Finding("claim 0 (second published value)", value=0.0, why="because", scope="task"),
    ]
    words = plain_words(found)
    assert len(words) == 3
    task, seed, setup = words
    assert "(6)" in task and "claim 0: 0;" in task and "second" not in task
    assert "claim 1: 0.125;" in seed and "claim 2: 0.25;" in setup
    assert not any("claim 3:" in paragraph for paragraph in words)
