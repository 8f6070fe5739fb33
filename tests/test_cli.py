"""The command line: what it prints, and one clear line for everything a user can get wrong."""

from __future__ import annotations

import json
import re
import shutil
import sys
import traceback
from pathlib import Path

import pytest

from ontogeny import cli
from ontogeny.store import seal
from ontogeny.store.files import write_text

RECIPE = """
name = "tiny"
title = "A tiny study"
lenses = ["performance"]
measures = ["activation_similarity"]
[task]
kind = "modular_addition"
p = 7
train_fraction = 0.7
held_out = "validation"
[architecture]
kind = "bilinear"
[optimiser]
kind = "adamw"
lr = 1e-2
[train]
epochs = 3
batch = 8
[checkpoints]
per_decade = 3
[vary]
"architecture.d_hidden" = [2, 3, 20]
"""


class Told:
    def __init__(self, code: int, out: str, err: str) -> None:
        self.code, self.out, self.err = code, out, err


@pytest.fixture
def tell(capsys, monkeypatch):
    """``tell("runs", path)``: the command line in this process, as a terminal of 200 columns would see it."""
    from rich.console import Console

    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("TERM", "dumb")

    def run(*words) -> Told:
        monkeypatch.setattr(cli, "out", Console(width=200))
        monkeypatch.setattr(cli, "err", Console(stderr=True, width=200))
        monkeypatch.setattr(sys, "argv", ["ontogeny", *map(str, words)])
        capsys.readouterr()
        code = 0
        try:
            cli.main()
        except SystemExit as stop:
            code = stop.code if isinstance(stop.code, int) else int(bool(stop.code))
        except BaseException:
            pytest.fail(f"a traceback: {traceback.format_exc()}")
        said = capsys.readouterr()
        return Told(code, said.out, said.err)

    return run


@pytest.fixture(scope="module")
def recipe(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("recipe") / "tiny.toml"
    path.write_text(RECIPE)
    return path


@pytest.fixture(scope="module")
def done(recipe, tmp_path_factory) -> Path:
    """A directory on which the whole command ran."""
    from ontogeny import api

    out = tmp_path_factory.mktemp("done") / "out"
    api.run(recipe, out)
    return out


# -- what works --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (("studies",), ["bottleneck", "bottleneck-quick"]),
        (("lenses",), ["performance", "effective_rank", "How well does the model do its task"]),
        (("measures",), ["tn_similarity", "activation_similarity", "centred=False"]),
        (("views",), ["loss_curves"]),
        (("--help",), ["run", "compare", "A first session"]),
        (("run", "--help"), ["--dry-run", "--set", "--commit-every"]),
    ],
)
def test_catalogues(tell, words, expected):
    told = tell(*words)
    assert told.code == 0 and not told.err
    for text in expected:
        assert text in told.out


def test_run_then_nothing_to_do(tell, recipe, tmp_path):
    out = tmp_path / "out"
    dry = tell("run", recipe, "--out", out, "--dry-run")
    assert dry.code == 0 and "not trained yet" in dry.out and not out.exists()
    first = tell("run", recipe, "--out", out, "--device", "cpu")
    assert first.code == 0, first.err
    assert f"report: {out / 'report' / 'index.html'}" in first.out
    assert "nothing to do" not in first.out and (out / "report" / "index.html").is_file()
    before = {p: p.stat().st_mtime_ns for p in out.rglob("*")}
    again = tell("run", recipe, "--out", out)
    assert again.code == 0 and "nothing to do" in again.out
    assert "nothing to do" in tell("run", recipe, "--out", out, "--dry-run").out
    assert {p: p.stat().st_mtime_ns for p in out.rglob("*")} == before


def test_set_and_only(tell, done, recipe, tmp_path):
    out = Path(shutil.copytree(done, tmp_path / "out"))
    longer = ("run", recipe, "--out", out, "--set", "train.epochs=4")
    assert "longer: 3 → 4 epochs" in tell(*longer, "--dry-run").out
    assert tell(*longer, "--only", "train").code == 0
    rows = json.loads(tell("runs", out, "--json").out)
    assert [r["step"] for r in rows] == [16] * 3
    dry = tell(*longer, "--dry-run").out
    assert "longer" not in dry and "steps are new or changed" in dry
    assert tell(*longer, "--only", "look").code == 0
    assert "look" not in tell(*longer, "--dry-run").out


def test_runs_as_a_table_and_as_json(tell, done):
    rows = json.loads(tell("runs", done, "--json").out)
    assert [r["d_hidden"] for r in rows] == [2, 3, 20]
    assert all(r["status"] == "done" and r["step"] == 12 for r in rows)
    table = tell("runs", done).out
    for row in rows:
        assert row["run"] in table


def test_look_through_a_lens_that_the_study_does_not_name(tell, done, tmp_path):
    out = Path(shutil.copytree(done, tmp_path / "out"))
    told = tell("look", out, "--lens", "effective_rank")
    assert told.code == 0 and "3 runs looked at, 0 were fresh" in told.out
    assert len(list(out.glob("runs/*/results/effective_rank.nc"))) == 3
    assert "0 runs looked at, 3 were fresh" in tell("look", out, "--lens", "effective_rank").out


def test_compare_in_words_and_as_json(tell, done):
    import numpy as np

    words = ("compare", done, "--measure", "activation_similarity", "--option", "centred=true")
    data = json.loads(tell(*words, "--json").out)
    assert np.asarray(data["data"]).shape == (3, 3)
    assert np.diagonal(data["data"]) == pytest.approx([1, 1, 1])
    told = tell(*words)
    assert told.code == 0 and "3 pairs" in told.out
    run = json.loads(tell("runs", done, "--json").out)[0]["run"]
    steps = tell(
        "compare", done, "--measure", "activation_similarity", "--run", run, "--between", "consecutive"
    )
    assert steps.code == 0


# -- what a user can get wrong -----------------------------------------------------------------------------------------


def one_clear_line(told: Told, *words: str) -> None:
    assert told.code == 2, (told.code, told.out, told.err)
    assert not told.out.strip()
    lines = told.err.strip().splitlines()
    assert len(lines) == 1, told.err
    assert lines[0].startswith("error: ")
    assert "Traceback" not in told.err
    for word in words:
        assert re.search(word, lines[0]), (word, lines[0])


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (["vary.architecture.d_hidden=[0]"], ["d_hidden = 0", "at least one hidden unit"]),
        (["vary.architecture.d_hidden=['wide']"], ["d_hidden", "'wide'"]),
        (["vary.architecture.d_hiden=[3]"], ["d_hiden", "'d_hidden'"]),
        (["vary.arcitecture.d_hidden=[3]"], ["arcitecture.d_hidden", "architecture"]),
        (["vary.architecture.d_hidden=[]"], ["empty"]),
        (["vary.architecture.d_hidden=[3, 3]"], ["same run"]),
        (["vary.architecture.d_hidden={range=[1]}"], ["range"]),
        (["vary.seed=['a']"], ["seed"]),
        (["task.train_fraction=0.0"], ["train_fraction = 0", "both parts need at least one"]),
        (["task.train_fraction=1.0"], ["train_fraction = 1", "both parts need at least one"]),
        (["task.p=1"], ["p = 1", "p ≥ 2"]),
        (["task.p='seven'"], ["task", "p", "seven"]),
        (["task.kind='modular_adition'"], ["modular_adition", "Did you mean 'modular_addition'"]),
        (["task.pp=5"], ["pp"]),
        (["architecture.kind='bilinaer'"], ["bilinaer", "Did you mean 'bilinear'"]),
        (["optimiser.kind='adamm'"], ["'adamm'", "'adam'"]),
        (["optimiser.lr=-1"], ["lr = -1", "negative"]),
        (["objective.kind='cross_entropi'"], ["cross_entropi", "cross_entropy"]),
        (["train.batch=1000"], ["batch of 1000 is larger than the 34"]),
        (["train.batch=0"], ["batch"]),
        (["train.epochs=0"], ["train.epochs", "greater than 0"]),
        (["train.epohcs=10"], ["train.epohcs", "train.epochs"]),
        (["train.stop.metric='accuracy'", "train.stop.at_least=1"], ["to stop by called 'accuracy'", "validation_accuracy"]),
        (["train.stop.metric='train_acuracy'", "train.stop.at_least=1"], ["train_acuracy", "train_accuracy"]),
        (["lenss=['performance']"], ["lenss", "lenses"]),
        (["lenses=['performence']"], ["performence", "Did you mean 'performance'"]),
        (["lenses=['attention']"], ["attention", "cannot look", "has no attention"]),
        (["lenses=[{name='performance', options={splitt=1}}]"], ["splitt"]),
        (["measures=['tn_similarit']"], ["tn_similarit", "tn_similarity"]),
        (["measures=[{name='activation_similarity', options={centred='yes'}}]"], ["centred", "bool"]),
        (["questions.x='?'", "claims.x.y.kind='perfect'"], ["finding", "'perfect'"]),
        (["report=[{heading='x', views=['loss_curve']}]"], ["loss_curve", "loss_curves"]),
        (["train.epochs"], ["--set train.epochs", "a.b=value"]),
        (["=3"], ["--set =3"]),
        (["name.x=3"], ["name"]),
        (["schema_version=99"], ["schema version 99", "Upgrade"]),
        (["zip=[['seed', 'architecture.d_hidden']]"], ["zip"]),
    ],
    ids=lambda x: x[0] if isinstance(x[0], str) else "",
)  # fmt: skip
def test_wrong_recipes(tell, recipe, tmp_path, given, words):
    out = tmp_path / "out"
    for dry in ([], ["--dry-run"]):
        sets = [w for s in given for w in ("--set", s)]
        one_clear_line(tell("run", recipe, "--out", out, *sets, *dry), *words)
        assert not out.exists()


def test_wrong_studies(tell, tmp_path):
    out = tmp_path / "out"
    one_clear_line(
        tell("run", "bottleneck-quick", "train.epochs=2", "--out", out), "train.epochs=2", "--set KEY=VALUE"
    )
    one_clear_line(tell("run", "botleneck", "--out", out), "botleneck", "Did you mean 'bottleneck")
    one_clear_line(tell("run", tmp_path / "no.toml", "--out", out), "no.toml", "not a file")
    one_clear_line(tell("run", tmp_path, "--out", out), "not a file")
    (tmp_path / "bad.toml").write_text("name = 'x'\n[task\n")
    one_clear_line(tell("run", tmp_path / "bad.toml", "--out", out), r"bad\.toml is not valid TOML", "line 2")
    (tmp_path / "binary.toml").write_bytes(b"\xff\xfe\x00")
    one_clear_line(tell("run", tmp_path / "binary.toml", "--out", out), r"binary\.toml is not valid TOML")
    (tmp_path / "empty.toml").write_text("")
    one_clear_line(tell("run", tmp_path / "empty.toml", "--out", out), "name", "task", "architecture")
    (tmp_path / "nothing.toml").write_text(RECIPE.partition("[train]")[0])
    one_clear_line(tell("run", tmp_path / "nothing.toml", "--out", out), r"no \[train\] section")
    assert not out.exists()


def test_wrong_places(tell, recipe, tmp_path, done):
    file = tmp_path / "file"
    file.write_text("mine")
    one_clear_line(tell("run", recipe, "--out", file), "is a file; --out needs a directory")
    one_clear_line(tell("run", recipe, "--out", tmp_path), "not empty and is not a study")
    one_clear_line(tell("run", recipe, "--out", done, "--set", "name='other'"), "holds the study 'tiny'")
    one_clear_line(tell("run", recipe, "--out", file / "below"), "cannot be a directory")
    assert file.read_text() == "mine" and list(tmp_path.iterdir()) == [file]
    for words in (
        ["runs"],
        ["look"],
        ["look", "--lens", "performance"],
        ["compare", "--measure", "tn_similarity"],
        ["report"],
    ):
        one_clear_line(tell(words[0], tmp_path, *words[1:]), r"not a study: it has no study\.toml")
        one_clear_line(tell(words[0], tmp_path / "gone", *words[1:]), "There is no directory")
        one_clear_line(tell(words[0], file, *words[1:]), "not a study")
    assert list(tmp_path.iterdir()) == [file]


def test_a_study_of_a_newer_schema(tell, done, tmp_path, recipe):
    out = Path(shutil.copytree(done, tmp_path / "out"))
    path = out / "study.toml"
    text = path.read_text().replace("schema_version = 2", "schema_version = 99")
    write_text(path, re.sub(r"ontogeny-seal:\w+", seal.ROOM, text))
    before = {p: p.stat().st_mtime_ns for p in out.rglob("*")}
    one_clear_line(tell("runs", out), "schema version 99")
    one_clear_line(tell("compare", out, "--measure", "activation_similarity"), "schema version 99")
    one_clear_line(tell("run", recipe, "--out", out), "schema version 99")
    assert {p: p.stat().st_mtime_ns for p in out.rglob("*")} == before


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (("look", "--lens", "performanc"), ["no lens 'performanc'", "Did you mean 'performance'"]),
        (("look", "--lens", "effective_rank", "--option", "treshold=1"), ["treshold"]),
        (("look", "--lens", "performance", "--lens", "atention"), ["atention", "attention"]),
        (("look", "--lens", "attention"), ["attention", "cannot look"]),
        (("compare", "--measure", "activation_similarty"), ["no measure", "'activation_similarity'"]),
        (("compare", "--measure", "activation_similarity", "--option", "centred=maybe"), ["centred", "bool", "maybe"]),
        (("compare", "--measure", "activation_similarity", "--option", "centered=true"), ["centered", "'centred'"]),
        (("compare", "--measure", "activation_similarity", "--option", "centred"), ["--option centred", "k=v"]),
        (("compare", "--measure", "activation_similarity", "--run", "zzzz"), ["no run 'zzzz'"]),
    ],
    ids=lambda x: " ".join(x) if isinstance(x, tuple) else "",
)  # fmt: skip
def test_wrong_questions(tell, done, words, expected):
    before = {p: p.stat().st_mtime_ns for p in done.rglob("*")}
    one_clear_line(tell(words[0], done, *words[1:]), *expected)
    assert {p: p.stat().st_mtime_ns for p in done.rglob("*")} == before


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (("rum",), ["rum"]),
        (("run",), ["study", "`ontogeny run --help`"]),
        (("run", "bottleneck-quick"), ["--out"]),
        (("run", "bottleneck-quick", "--out", "x", "--only", "cook"), ["cook"]),
        (("run", "bottleneck-quick", "--out", "x", "--device", "tpu"), ["tpu"]),
        (("run", "bottleneck-quick", "--out", "x", "--commit-every", "often"), ["--commit-every", "number"]),
        (("run", "bottleneck-quick", "--out", "x", "--fast"), ["--fast"]),
        (("compare", "x"), ["--measure"]),
        (("report", "x", "--format", "docx"), ["docx"]),
    ],
    ids=lambda x: " ".join(x),
)
def test_wrong_words(tell, words, expected, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    one_clear_line(tell(*words), *expected)
    assert not list(tmp_path.iterdir())


def test_no_gpu_is_said_before_anything_is_written(tell, recipe, tmp_path, monkeypatch):
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    one_clear_line(tell("run", recipe, "--out", tmp_path / "out", "--device", "cuda"), "no GPU")
    assert not (tmp_path / "out").exists()


def test_the_kernel_is_refused_where_it_does_not_apply(tell, recipe, tmp_path):
    given = ("--set", "train.clip=1.0", "--engine", "kernel")
    one_clear_line(tell("run", recipe, "--out", tmp_path / "out", *given), "kernel cannot train", "clipping")
    assert not (tmp_path / "out").exists()


def test_interrupting_says_that_nothing_is_lost(tell, recipe, tmp_path, monkeypatch):
    def stop(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr("ontogeny.work.train.train", stop)
    told = tell("run", recipe, "--out", tmp_path / "out")
    assert told.code == 130 and "same command" in told.err and "Traceback" not in told.err


def test_a_process_of_its_own_behaves_alike(command, tmp_path):
    done = command("run", "botleneck", "--out", tmp_path / "out")
    assert done.returncode == 2 and not done.stdout
    assert done.stderr.startswith("error: ") and len(done.stderr.strip().splitlines()) == 1
