"""Concepts of dictionaries in which it is known which are shared: these are found, the others are not, and chance is at its level."""

from __future__ import annotations

import json

import numpy as np
import pytest

import ontogeny as on
from ontogeny.errors import UnknownName, UserError
from ontogeny.representations.concepts import clusters
from ontogeny.representations.labels import read_concepts, read_labels

RANDOM = np.random.default_rng(0)
N, D, SHARED = 60, 12, 20
#: The first 20 features of Y are those of X, in another order and with little noise; the others are its own.
X = RANDOM.standard_normal((N, D))
ORDER = RANDOM.permutation(SHARED)
Y = np.concatenate(
    [X[:SHARED][ORDER] + 0.05 * RANDOM.standard_normal((SHARED, D)), RANDOM.standard_normal((N - SHARED, D))]
)
LABELS = [f"{'hour of day' if i < SHARED else 'a colour'} {i}" for i in range(N)]


def said(found, concept, measure):
    (row,) = found.to_dataframe().query("concept == @concept and measure == @measure").to_dict("records")
    return row


def test_what_is_shared_stands_out_and_what_is_not_does_not():
    found = on.compare_concepts(X, Y, {"time": "HOUR|year", "colour": "colour"}, labels=LABELS, draws=99)
    time, colour = (said(found, name, "rsa_cosine") for name in ("time", "colour"))
    assert (time["features"], time["pairs"], time["partners"]) == (20, 20, 20) and colour["features"] == 40
    assert time["value"] > 0.95 and time["p_subset"] == time["p_shuffled"] == 0.01
    assert time["rest"] < time["value"] and colour["p_subset"] > 0.2
    pairs = said(found, "time", "cosine of pairs")
    assert pairs["value"] > 0.95 and pairs["subset_mean"] < 0.9
    assert pairs["p_over_concepts"] == pytest.approx(0.02)
    assert "time" in found.table() and "p = (1 + #{as alike})/(1 + draws)" in found.table("latex")


def test_pairs_by_activations_need_no_common_space_and_a_rotation_says_nothing():
    codes = RANDOM.standard_normal((300, N)).clip(0)
    other = np.concatenate(
        [codes[:, :SHARED][:, ORDER], RANDOM.standard_normal((300, N - SHARED)).clip(0)], 1
    )
    turned = Y @ np.linalg.qr(RANDOM.standard_normal((D, D)))[0]
    found = on.compare_concepts(X, turned, {"time": range(SHARED)}, activations=(codes, other), draws=39)
    row = said(found, "time", "rsa_cosine")
    assert row["value"] > 0.95 and row["p_subset"] == row["p_shuffled"] == 0.025
    assert said(found, "time", "correlation of pairs")["value"] == pytest.approx(1, abs=1e-6)
    with pytest.raises(UserError, match="X has 12 coordinates and Y 11"):
        on.compare_concepts(X, Y[:, :11], {"time": range(SHARED)})


@pytest.mark.parametrize("by", ["cosine", "activations"])
def test_a_concept_of_a_world_without_relation_is_at_the_level_of_chance(by):
    """Simulated: of concepts drawn at random in unrelated dictionaries, one in ten has p ≤ .1 against random subsets, by every measure."""
    low = []
    for trial in range(60):
        rng = np.random.default_rng(trial)
        x, y = rng.standard_normal((2, 30, 6))
        acts = tuple(rng.standard_normal((2, 50, 30))) if by == "activations" else None
        found = on.compare_concepts(
            x,
            y,
            {"any": rng.permutation(30)[:8]},
            activations=acts,
            measures="rsa_cosine",
            draws=19,
            seed=trial,
        )
        low.append(found.to_dataframe().set_index("measure")[["p_subset", "p_shuffled"]].le(0.1).to_numpy())
    (of_pairs, chosen), (of_rsa, relation) = np.mean(low, 0)
    assert of_pairs < 0.25 and of_rsa < 0.25
    assert chosen == 1  # pairs are chosen by their score
    # shuffled pairs are a null of relations only where pairs were not chosen by the vectors that are then related
    assert relation < 0.25 if by == "activations" else relation > 0.5


def test_partners_may_be_asked_to_have_the_concept_too():
    theirs = [f"{'hour' if i < SHARED else 'colour'} {i}" for i in range(N)]
    found = on.compare_concepts(X, Y, {"time": "hour"}, labels=LABELS, labels_other=theirs, draws=39)
    assert said(found, "time", "cosine of pairs")["p_subset"] == 0.025
    swapped = on.compare_concepts(X, Y, {"time": "hour"}, labels=LABELS, labels_other=theirs[::-1], draws=39)
    assert said(swapped, "time", "cosine of pairs")["value"] < 0.8


def test_clusters_are_concepts():
    middles = np.eye(D)[:3] * 5
    rows = np.concatenate(
        [m + 0.1 * RANDOM.standard_normal((n, D)) for m, n in zip(middles, (10, 20, 6), strict=True)]
    )
    found = clusters(rows, 3)
    assert {name: (min(of), max(of), len(of)) for name, of in found.items()} == {
        "cluster 1": (10, 29, 20), "cluster 2": (0, 9, 10), "cluster 3": (30, 35, 6),
    }  # fmt: skip
    assert found == clusters(rows, 3)
    with pytest.raises(UserError, match="2 to 9"):
        clusters(rows, 10)


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"concepts": {"t": "hour"}}, "labels"),
        ({"concepts": {"t": "hour"}, "labels": ["hour"]}, "1 labels for the 60 features"),
        ({"concepts": {"t": "minute"}, "labels": LABELS}, "has 0 features in X"),
        ({"concepts": {"t": "("}, "labels": LABELS}, "no regular expression"),
        ({"concepts": {"t": [1, 2, 3, 99]}}, "row 99; X has rows 0 to 59"),
        ({"concepts": {"t": range(9)}, "labels_other": LABELS}, "list of rows"),
        ({"concepts": {"t": range(9)}, "draws": 9}, "9 draws"),
        ({"concepts": {"t": range(9)}, "measures": "mmcs"}, "compares atoms"),
        ({"concepts": {"t": range(9)}, "activations": (X, X)}, "60 features and its activations 12"),
    ],
)
def test_what_cannot_be_compared_is_said(given, says):
    with pytest.raises(UserError, match=says.replace("(", r"\(")):
        on.compare_concepts(X, Y, **given)


def test_unknown_names_have_neighbours():
    with pytest.raises(UnknownName, match="hungarian"):
        on.compare_concepts(X, Y, {"t": range(9)}, how="hungarion")


def test_labels_come_in_the_usual_files(tmp_path):
    (tmp_path / "a.txt").write_text("red\nblue\n")
    (tmp_path / "b.json").write_text('{"1": "blue"}')
    (tmp_path / "c.csv").write_text("feature,label\n0,red\n1,blue\n")
    (tmp_path / "d.tsv").write_text("feature\tlabel\n5\tred\n")
    assert read_labels(tmp_path / "a.txt", 2) == read_labels(tmp_path / "c.csv", 2) == ["red", "blue"]
    assert read_labels(tmp_path / "b.json", 2) == ["", "blue"]
    with pytest.raises(UserError, match="labels the feature '5'; there are 2"):
        read_labels(tmp_path / "d.tsv", 2)
    with pytest.raises(UserError, match="2 labels; there are 3"):
        read_labels(tmp_path / "a.txt", 3)
    (tmp_path / "e.json").write_text('{"warm": "red", "cold": [1, 2.5]}')
    with pytest.raises(UserError, match="'cold' is"):
        read_concepts(tmp_path / "e.json")


def test_one_command_is_the_table_of_concepts(tmp_path, command):
    for name, array in (("a", X), ("b", Y)):
        np.save(tmp_path / f"{name}.npy", array)
    (tmp_path / "labels.txt").write_text("\n".join(LABELS))
    files = [f"{tmp_path}/a.npy", f"{tmp_path}/b.npy"]
    words = [
        "--labels",
        f"{tmp_path}/labels.txt",
        "--concept",
        "time=hour",
        "--draws",
        "39",
        "--measure",
        "rsa_cosine",
    ]
    done = command("compare", *files, *words, "--clusters", "2", "--out", f"{tmp_path}/table.md", "--json")
    rows = json.loads(done.stdout)["rows"]
    assert [(row["concept"], row["measure"]) for row in rows[:3]] == [
        ("time", "cosine of pairs"), ("time", "rsa_cosine"), ("cluster 1", "cosine of pairs"),
    ]  # fmt: skip
    assert (tmp_path / "table.md").read_text().startswith("| concept | features |")
    for wrong, says in (
        (["--concept", "time"], "NAME=PATTERN"),
        (["--labels", f"{tmp_path}/labels.txt"], "without a concept"),
        ([*words, "--null", "random"], "nulls of their own"),
        ([*words, "--activations", files[0]], "twice"),
    ):
        refused = command("compare", *files, *wrong)
        assert refused.returncode and says in refused.stderr
