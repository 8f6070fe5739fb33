"""Rows of a page: which are shown first, what each says of itself, and what the seeds say of the verdicts."""

import csv
import io

import numpy as np

from ontogeny.findings.base import Finding
from ontogeny.findings.judging import judge
from ontogeny.findings.verdicts import Published
from ontogeny.report.judged import MOST, as_csv, row, topics, trust

TOLD = (Published(0.5, source="somebody"),)


def test_a_question_shows_what_is_denied_first_and_folds_the_rest():
    plain = [Finding(f"plain {i}", 1.0, question="q") for i in range(9)]
    told = Finding("told", 1.0, question="q", published=TOLD, verdict="as published")
    denied = Finding("denied", 1.0, question="q", published=TOLD, verdict="not as published")
    (topic,) = topics([*plain, told, denied])
    assert [one.claim for one in topic.first] == ["Plain 0", "Plain 1", "Told", "Denied"] and len(
        topic.first
    ) == MOST
    assert len(topic.rows) == 11


def test_many_questions_show_few_rows_each_and_each_shows_one():
    many = topics([Finding(f"c{i}", 1.0, question=f"q{i % 10}") for i in range(60)])
    assert [len(one.first) for one in many] == [1] * 10 and [one.question for one in many][:2] == ["q0", "q1"]


def test_a_population_of_most_rows_is_said_once():
    some = [
        Finding("a", of="those", of_all=8, n=3),
        Finding("b", of="those", of_all=8, n=3),
        Finding("c", n=8),
    ]
    (topic,) = topics(some)
    assert topic.whom == "those: 3 of 8" and [one.whom for one in topic.rows] == ["", "", "every seed"]


def test_a_row_says_who_published_of_whom_what_was_chosen_and_what_is_known_besides():
    other = Finding(
        "c", 0.2, of="few", n=2, of_all=4, decided=({"when": "after two seeds", "why": "two kinds"},)
    )
    one = row(
        Finding("c", 0.4, n=3, published=TOLD, verdict="compatible, varies by seed", why="it varies", missing=(7,), beside=(other,), note="A fact.",
                decided=({"when": "late", "why": "so"},))
    )  # fmt: skip
    assert one.why == (
        "It varies.", "Published: 0.5 (somebody).", "Of seed 7: no such number.", "Few: 2 of 4: 0.2.", "Chosen after two seeds: two kinds.", "A fact.",
    )  # fmt: skip
    assert one.decided == ("Chosen late: so",) and (one.sign, one.tone) == ("≈", "mixed")


def test_our_own_seeds_are_judged_and_the_rate_is_said():
    rng = np.random.default_rng(0)
    values = rng.normal(size=12)
    rows = [
        Finding.judged("c", judge(values), values=tuple(values), details={"rule": {}}),
        Finding("d", decided=({"when": "w", "why": "y"},)),
    ]
    left, chosen = trust(rows)
    assert "of 12 judgements of 1 row;" in left and "5 %" in left
    assert chosen.startswith("In 1 of 2 rows")
    assert trust([Finding("c")]) == []


def test_the_data_hold_every_row_and_column():
    found = [
        Finding(
            "c",
            1.0,
            key="q.c",
            of="all",
            beside=(Finding("c", 2.0, of="few"),),
            interval=(0.0, 2.0),
            interval_kind="prediction",
        )
    ]
    rows = list(csv.DictReader(io.StringIO(as_csv(found))))
    assert [(one["of"], one["value"], one["key"]) for one in rows] == [
        ("all", "1.0", "q.c"),
        ("few", "2.0", "q.c"),
    ]
    assert (rows[0]["low"], rows[0]["high"], rows[1]["low"]) == ("0.0", "2.0", "")
