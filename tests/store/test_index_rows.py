"""The index grows by rows, survives what its writers do not, and says nothing that the files do not say."""

from __future__ import annotations

import os

import pytest

from ontogeny.errors import Damaged
from ontogeny.store import index as store_index
from ontogeny.store.directory import Directory
from ontogeny.store.index import INDEX, Indexer, verify_index


@pytest.fixture
def indexed(a_copy):
    """A directory whose index knows all of it."""
    learn(a_copy)
    return a_copy


def learn(root) -> None:
    indexer = Indexer(root)
    indexer.read()
    indexer.save()


def lines(root) -> list[bytes]:
    return (root / INDEX).read_bytes().splitlines()


def test_a_run_that_changed_adds_one_row(indexed):
    before = lines(indexed)
    changed = sorted((indexed / "runs").iterdir())[1]
    os.utime(changed / "run.json")
    learn(indexed)
    after = lines(indexed)
    assert after[: len(before)] == before and len(after) == len(before) + 1
    assert f'"runs/{changed.name}"'.encode() in after[-1]
    learn(indexed)
    assert lines(indexed) == after


def test_a_log_that_is_mostly_history_is_written_anew(indexed, monkeypatch):
    monkeypatch.setattr(store_index, "HISTORY", 4)
    path = sorted((indexed / "runs").iterdir())[0] / "run.json"
    rows = len(lines(indexed))
    for i in range(12):
        os.utime(path, ns=(i, 10**18 + i))
        learn(indexed)
        assert len(lines(indexed)) <= rows + 6
    verify_index(indexed / INDEX)


def test_a_row_that_a_writer_died_in_counts_for_nothing_and_hides_no_other(indexed):
    whole, there = (indexed / INDEX).read_bytes(), Directory(indexed).index()
    for end in (len(whole) - 40, 5, 0):
        (indexed / INDEX).write_bytes(whole[:end])
        if end:
            with pytest.raises(Damaged, match="altered"):
                verify_index(indexed / INDEX)
        assert Directory(indexed).index() == there
        learn(indexed)
        verify_index(indexed / INDEX)
        again = Indexer(indexed)
        assert again.read() == there and not again.learned


def test_two_that_save_at_once_lose_nothing(indexed):
    there = Directory(indexed).index()
    (indexed / INDEX).unlink()
    first, second = Indexer(indexed), Indexer(indexed)
    first.read(), second.read()
    first.save()
    second.save()
    again = Indexer(indexed)
    assert again.read() == there and not again.learned


def test_a_run_that_went_is_forgotten(indexed):
    import shutil

    gone = sorted((indexed / "runs").iterdir())[0]
    shutil.rmtree(gone)
    learn(indexed)
    assert gone.name not in Directory(indexed).index().runs
    indexer = Indexer(indexed)
    indexer.read()
    assert not indexer.learned


def test_what_an_entry_says_is_known_from_its_row_as_from_its_files(indexed):
    known = Directory(indexed).index()
    (indexed / INDEX).unlink()
    fresh = Directory(indexed).index()
    assert known.inputs == fresh.inputs
    assert {r.id: r.known for r in known.runs.values()} == {r.id: r.digest for r in fresh.runs.values()}
