"""A lease is held by one; a stale one is taken over by exactly one; whoever lost it writes no more."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from dataclasses import asdict, replace
from pathlib import Path

import pytest

from ontogeny.errors import Locked, Moved
from ontogeny.store import lease
from ontogeny.store.directory import Directory
from ontogeny.store.files import write_text
from ontogeny.store.kinds import kind_of

ELSEWHERE = replace(lease.whoever(), host="another machine", token="theirs")


def left_by(who: lease.Holder, root: Path, name: str = "aa", age: float = 0.0) -> Path:
    path = root / lease.LEASES / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(asdict(who)))
    os.utime(path, (time.time() - age,) * 2)
    return path


def dead_process() -> lease.Holder:
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return replace(lease.whoever(), pid=process.pid, token="dead")


def test_one_holds_it_and_gives_it_back(tmp_path):
    with lease.held(tmp_path, ["aa", "bb"]) as (mine, taken):
        assert mine == ["aa", "bb"] and not taken
        with lease.held(tmp_path, ["bb", "cc"]) as (also, others):
            assert (also, others) == (["cc"], ["bb"])
        assert set(lease.holders(tmp_path)) == {"aa", "bb"}
        assert all(kind_of(p, tmp_path).name == "lease" for p in (tmp_path / lease.LEASES).iterdir())
    assert not list((tmp_path / lease.LEASES).iterdir())


@pytest.mark.parametrize(
    ("who", "age", "free"),
    [
        (ELSEWHERE, lease.STALE * 0.5, False),
        (ELSEWHERE, lease.STALE * 1.5, True),
        # alive, whatever its clock says
        (
            replace(lease.whoever(), pid=os.getppid(), started=lease._started(os.getppid())),
            lease.STALE * 1.5,
            False,
        ),
        # of this process, which does not hold it: the directory was moved meanwhile
        (lease.whoever(), 0.0, True),
        (replace(lease.whoever(), started="1"), 0.0, True),  # its number was given to another process
    ],
)
def test_what_is_stale(who, age, free, tmp_path):
    path = left_by(who, tmp_path, age=age)
    with lease.held(tmp_path, ["aa"]) as (mine, _):
        assert bool(mine) is free
    assert path.exists() is not free


def test_the_lease_of_a_dead_process_is_free_at_once(tmp_path):
    left_by(dead_process(), tmp_path)
    with lease.held(tmp_path, ["aa"]) as (mine, _):
        assert mine


def test_a_lease_that_says_nothing_is_as_old_as_its_file(tmp_path):
    path = left_by(ELSEWHERE, tmp_path)
    path.write_text("")
    with lease.held(tmp_path, ["aa"]) as (mine, _):
        assert not mine
    os.utime(path, (time.time() - 2 * lease.STALE,) * 2)
    with lease.held(tmp_path, ["aa"]) as (mine, _):
        assert mine


TAKE = """
import sys, time
from pathlib import Path
from ontogeny.store import lease
root, n = Path(sys.argv[1]), int(sys.argv[2])
print("ready", flush=True); sys.stdin.readline()
got = [i for i in range(n) if lease.take(root, f"run{i}")]
print(*got, flush=True); sys.stdin.readline()
"""


def test_of_many_that_find_a_stale_lease_exactly_one_takes_it_over(tmp_path):
    n, who = 60, dead_process()
    for i in range(n):
        left_by(who, tmp_path, f"run{i}")
    takers = [
        subprocess.Popen([sys.executable, "-c", TAKE, str(tmp_path), str(n)], stdin=-1, stdout=-1, text=True)
        for _ in range(4)
    ]
    for taker in takers:
        assert taker.stdout.readline() == "ready\n"
    for taker in takers:
        taker.stdin.write("\n")
        taker.stdin.flush()
    got = [int(i) for taker in takers for i in taker.stdout.readline().split()]
    assert sorted(got) == list(range(n))
    for taker in takers:
        taker.communicate("\n")
    assert not list((tmp_path / lease.LEASES).iterdir())


def test_a_taker_that_died_on_the_way_is_in_nobodys_way(tmp_path):
    who = dead_process()
    left_by(who, tmp_path)
    left_by(replace(who, token="guard"), tmp_path, f"aa.after-{who.token}")
    with lease.held(tmp_path, ["aa"]) as (mine, _):
        assert mine


def test_whoever_lost_a_lease_writes_no_more(tmp_path):
    run = Directory(tmp_path).run("aa").folder
    with lease.held(tmp_path, ["aa"]):
        write_text(run / "a", "x")
        left_by(ELSEWHERE, tmp_path)
        with pytest.raises(Moved, match="taken over by another process"):
            write_text(run / "b", "x")
    assert lease.holder(tmp_path / lease.LEASES / "aa") == ELSEWHERE
    write_text(run / "b", "x")


def test_another_recipe_waits_for_whoever_works_by_this_one(a_copy, tiny_study, carry_out):
    left_by(ELSEWHERE, a_copy)
    with pytest.raises(Locked, match=r"another machine.*by another recipe"):
        carry_out(tiny_study(train__epochs=9), a_copy)
    with pytest.raises(Locked, match="another machine"), Directory(a_copy).leased("aa"):
        pass
    with pytest.raises(Locked, match="another machine"), Directory(a_copy).lock("packing", alone=True):
        pass
