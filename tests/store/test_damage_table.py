"""Every kind of file, damaged in every way, is found: no reader ever takes it for what was written."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from tests.attack.damages import DAMAGES, HARMLESS, KINDS_AT_REST, apply, one_of, outcome

from ontogeny import api
from ontogeny.check import check, repair
from ontogeny.errors import Damaged
from ontogeny.handles import open_store
from ontogeny.report.assemble import write_report
from ontogeny.report.chosen import write_chosen
from ontogeny.store import seal
from ontogeny.store.directory import Directory
from ontogeny.store.index import Indexer
from ontogeny.store.kinds import KINDS

CLAIMS = {
    "questions": {"learning": {"text": "Does it learn?", "of": "all"}},
    "quantities": {"accuracy": {"source": "runs", "variable": "train_accuracy", "bounds": [0, 1]}},
    "populations": {"all": {"text": "every seed"}},
    "claims": {"learning": {"accuracy": {"text": "Its accuracy"}}},
}


@pytest.fixture(scope="module")
def whole(tmp_path_factory, tiny_study) -> Path:
    """A study with a file of every kind."""
    out = tmp_path_factory.mktemp("whole") / "out"
    api.run(tiny_study(train__epochs=5), out, stages=("train",))
    api.run(tiny_study(measures=["activation_similarity"], **CLAIMS), out)
    store = open_store(out)
    write_chosen(store, [store.run(d_hidden=2)])
    write_report(Directory(out), format="md")
    return out


@pytest.fixture(scope="module")
def another(tmp_path_factory, tiny_study) -> Path:
    """Another study: of each kind a file that is as whole as ours."""
    out = tmp_path_factory.mktemp("another") / "out"
    api.run(tiny_study(optimiser__lr=2e-2, train__epochs=5), out, stages=("train",))
    api.run(tiny_study(measures=["activation_similarity"], optimiser__lr=2e-2, **CLAIMS), out)
    store = open_store(out)
    write_chosen(store, [store.run(d_hidden=2)])
    write_report(Directory(out), format="md")
    return out


@pytest.fixture
def broken(whole, tmp_path) -> Path:
    return Path(shutil.copytree(whole, tmp_path / "broken", copy_function=shutil.copy2))


def test_an_undamaged_study_is_whole_file_by_file(whole):
    health = check(whole)
    assert health.sound and not health.of("foreign", "damaged", "stale")
    assert {one.kind for one in health.files} >= {kind.name for kind in KINDS_AT_REST}


@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.parametrize("kind", KINDS_AT_REST, ids=lambda k: k.name)
def test_damage_is_found(kind, damage, broken, another):
    path = one_of(broken, kind)
    apply(damage, path, broken, another, kind)
    said = outcome(broken, path)
    if (kind.name, damage) in HARMLESS:
        assert said == "whole"
    elif damage == "deleted":
        assert said == "stale"
    elif damage == "swapped":
        assert said in ("damaged", "stale")
    else:
        assert said == "damaged"


@pytest.mark.parametrize(
    "kind",
    [
        k
        for k in KINDS
        if k.pattern in ("findings.json", "report/index.html", "comparisons/*.nc", "runs/*/results/*.nc")
    ],
    ids=lambda k: k.name,
)
def test_what_is_derived_is_repaired_and_what_was_damaged_is_kept(kind, broken, whole, contents_of):
    path = one_of(broken, kind)
    apply("byte flipped in the data", path, broken, whole, kind)
    bad = path.read_bytes()
    assert repair(broken).sound
    assert path.with_name(path.name + ".damaged").read_bytes() == bad
    assert contents_of(broken) == contents_of(whole)
    assert [f.to_dict() for f in open_store(broken).findings()] == [
        f.to_dict() for f in open_store(whole).findings()
    ]


def test_a_person_who_edits_a_file_is_told_what_to_do(broken):
    path = broken / "findings.json"
    path.write_text(path.read_text().replace('"n_unit": "seeds"', '"n_unit": "models"', 1))
    (found,) = check(broken).of("damaged")
    assert "If you edited it and mean what it says now, remove its seal" in found.why
    text = [line for line in path.read_text().splitlines() if "ontogeny-seal" not in line]
    path.write_text("\n".join(text).replace("],\n}", "]\n}"))
    assert not check(broken).of("damaged")


def test_files_of_others_are_named_and_left_alone(broken, whole):
    (broken / "notes.txt").write_text("mine")
    (broken / "runs" / "readme.md").write_text("mine")
    assert {one.what for one in check(broken).of("foreign")} == {"notes.txt", "runs/readme.md"}
    assert repair(broken).sound
    assert (broken / "notes.txt").read_text() == "mine"


def test_every_command_that_lists_runs_names_what_is_damaged(broken, command):
    record, result = (
        one_of(broken, k) for k in KINDS if k.pattern in ("runs/*/run.json", "runs/*/results/*.nc")
    )
    for path in (record, result):
        path.write_bytes(path.read_bytes()[:-40])
    done = command("runs", broken)
    assert done.returncode == 0 and str(record) in done.stderr and str(result) in done.stderr
    assert "damaged" in done.stdout
    checked = command("check", broken)
    assert checked.returncode == 1 and "2 damaged" in checked.stdout


def test_the_index_knows_damage_without_reading_everything_again(broken):
    indexer = Indexer(broken)
    indexer.read()
    assert not indexer.learned


@pytest.mark.parametrize(
    "kind",
    [k for k in KINDS_AT_REST if k.name in ("resume point", "metrics", "findings", "report")],
    ids=lambda k: k.name,
)
def test_a_seal_that_is_itself_altered_does_not_pass_for_none(kind, broken):
    path = one_of(broken, kind)
    start = path.read_bytes().index(b"ontogeny-seal:")
    whole = path.read_bytes()
    for place in range(14):
        data = bytearray(whole)
        data[start + place] ^= 0x20
        path.write_bytes(data)
        with pytest.raises(Damaged):
            seal.check(path)
