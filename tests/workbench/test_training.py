"""Recipes as form and text, and jobs that outlive whoever began them."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
import tomllib

import pytest

from ontogeny.study import built_in, load_study
from ontogeny.workbench import jobs, recipes
from ontogeny.workbench.alive import alive, host, started

RECIPE = """name = "small"
[task]
kind = "modular_addition"
p = 7
train_fraction = 0.7
[architecture]
kind = "bilinear"
d_hidden = 3
[train]
epochs = 3
batch = 8
[vary]
seed = [0, 1]
"""


def until(done, seconds=250.0):
    """Waits for other processes, however busy the machine is."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if found := done():
            return found
        time.sleep(0.1)
    return pytest.fail("it did not come about")


def test_the_form_has_every_kind_and_every_setting():
    sections = {one["name"]: one for one in recipes.form()}
    kinds = {one["kind"]: one for one in sections["architecture"]["kinds"]}
    assert {"bilinear", "transformer", "mlp"} <= set(kinds)
    (width,) = (one for one in kinds["bilinear"]["fields"] if one["name"] == "d_hidden")
    assert width["type"] == "whole" and width["path"] == "architecture.d_hidden"
    epochs = next(one for one in sections["train"]["fields"] if one["name"] == "epochs")
    assert epochs["limits"] == "more than 0" and epochs["help"]
    assert all(one["words"] for one in sections["lenses"]["choices"])


@pytest.mark.parametrize("name", sorted(built_in()))
def test_every_recipe_that_comes_with_us_reads(name):
    text = next(one["text"] for one in recipes.starts() if one["name"] == name)
    study, problems = recipes.read(text)
    assert problems == [] and study == load_study(name)


@pytest.mark.parametrize(
    ("path", "value", "expected"),
    [
        ("train.epochs", 9, {"epochs": 9, "batch": 8}),
        ("architecture.kind", "mlp", {"kind": "mlp"}),
        ("vary.optimiser.lr", [0.1, 0.2], {"seed": [0, 1], "optimiser.lr": [0.1, 0.2]}),
        ("vary.seed", {"range": [0, 4]}, {"seed": {"range": [0, 4]}}),
        ("vary.seed", None, None),
        ("title", 'A = "quoted" [title]', 'A = "quoted" [title]'),
        ("lenses", ["performance"], ["performance"]),
    ],
)
def test_one_key_is_set_and_nothing_else(path, value, expected):
    before, after = tomllib.loads(RECIPE), tomllib.loads(recipes.changed(RECIPE, path, value))
    key = path.partition(".")[0]
    assert after.get(key) == expected
    assert {k: v for k, v in after.items() if k != key} == {k: v for k, v in before.items() if k != key}


@pytest.mark.parametrize(
    ("old", "new", "key"),
    [
        ("epochs = 3", "epochs = -3", "train.epochs"),
        ("epochs = 3", "epoch = 3", "train.epoch"),
        ('kind = "bilinear"', 'kind = "bilinaer"', "architecture"),
        ("d_hidden = 3", 'd_hidden = "many"', "architecture.d_hidden"),
        ("seed = [0, 1]", "seed = []", "vary.seed"),
        ('name = "small"', 'name = "small"\nlenses = ["performence"]', "lenses"),
        ("[task]", "[task", ""),
    ],
)
def test_what_is_wrong_is_said_at_its_key(client, old, new, key, tmp_path):
    study, problems = recipes.read(RECIPE.replace(old, new))
    if study is not None:  # wrong only once it is built
        with pytest.raises(Exception) as caught:
            recipes.preview(study, tmp_path / "new")
        problems = [recipes.problem(str(caught.value))]
    assert [one["key"] for one in problems] == [key], problems


def test_a_recipe_reads_no_file_of_the_machine(tmp_path):
    (tmp_path / "other.toml").write_text(RECIPE)
    _, problems = recipes.read(f'extends = "{tmp_path / "other.toml"}"\n')
    assert problems[0]["key"] == "extends"
    assert recipes.read('extends = "bottleneck-quick"\n')[0] is not None


@pytest.mark.parametrize("folder", ["..", "../x", "/tmp/x", "a/b", "", ".hidden", "x\x00y"])
def test_a_new_study_lies_in_a_folder_that_was_opened(over, shelf, folder):
    answer = over(shelf).post("jobs/run", {"text": RECIPE, "root": str(shelf), "folder": folder})
    assert answer.status_code == 400, answer.text
    assert over(shelf).post("jobs/run", {"text": RECIPE, "root": "/tmp", "folder": "x"}).status_code == 400


def test_a_plan_says_what_there_is_to_do(over, tmp_path):
    said = over(tmp_path).post("recipe/plan", {"text": RECIPE, "root": str(tmp_path), "folder": "new"}).json()
    assert (said["runs"], said["there"], said["problems"]) == (2, 0, [])
    assert said["updates"] == 2 * 3 * 4  # runs, epochs, whole batches of 8 in 34 examples
    assert said["plan"][0]["stage"] == "train" and list(tmp_path.iterdir()) == []


def test_how_long_it_takes_is_measured_and_leaves_nothing(over, tmp_path):
    client = over(tmp_path)
    said = client.post("recipe/time", {"text": RECIPE, "root": str(tmp_path), "folder": "new"}).json()
    assert said["seconds"] > 0 and said["updates"] > 0 and said["words"] and list(tmp_path.iterdir()) == []


def test_a_job_trains_and_says_so(over, tmp_path):
    client = over(tmp_path)
    began = client.post("jobs/run", {"text": RECIPE, "root": str(tmp_path), "folder": "new"})
    assert began.status_code == 200, began.text
    job = began.json()
    assert job["study"] == "new"  # it has an address at once
    again = client.post("jobs/run", {"text": RECIPE, "root": str(tmp_path), "folder": "new"})
    if again.status_code != 200:  # it may be done already
        assert "works on" in again.json()["error"]
    done = until(lambda: (one := jobs.job(tmp_path / "new", job["id"]))["state"] != "running" and one)
    assert done["state"] == "done", done
    fresh = over(tmp_path)  # a workbench that was started since
    assert fresh.said("s/new/jobs")[-1]["state"] == "done"
    assert fresh.said("s/new")["states"] == {"done": 2}
    assert "nothing" in fresh.said(f"s/new/jobs/{job['id']}")["log"] or done["log"]


def test_a_job_that_fails_says_why(tmp_path):
    root = tmp_path / "study"
    root.mkdir()
    job = jobs.begin(root, ["run", "no-such-study", "--out", str(root)])
    done = until(lambda: (one := jobs.job(root, job["id"]))["state"] != "running" and one)
    assert done["state"] == "failed" and "no-such-study" in done["why"]


def test_a_job_that_was_killed_is_known_to_be_dead(tmp_path):
    root = tmp_path / "study"
    root.mkdir()
    job = jobs.begin(root, ["run", "bottleneck-quick", "--out", str(root)])
    os.kill(job["pid"], signal.SIGKILL)
    dead = until(lambda: (one := jobs.job(root, job["id"]))["state"] != "running" and one)
    assert dead["state"] == "died" and "killed" in dead["why"]


def test_a_process_number_that_was_given_out_again_is_another():
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    since = started(child.pid)
    assert alive(child.pid, since, host()) and not alive(child.pid, since + "1", host())
    child.communicate(b"\n")
    assert not alive(child.pid, since, host()) and alive(child.pid, since, "another machine")


def test_a_lens_is_computed_for_one_run(over, a_copy):
    shutil.rmtree(a_copy / "jobs", ignore_errors=True)
    client = over(a_copy)
    run, other = client.said("s/copy/runs")["columns"][0]["values"][:2]
    job = client.post("s/copy/look", {"lenses": ["error_grid"], "run": run}).json()
    done = until(lambda: (one := jobs.job(a_copy, job["id"]))["state"] != "running" and one)
    assert done["state"] == "done", done
    client.said(f"s/copy/jobs/{job['id']}")  # as the page does; the same workbench knows at once
    assert {one["name"]: one["state"] for one in client.said(f"s/copy/r/{run}")["views"]}[
        "error_heatmap"
    ] == "ready"
    views = {
        id: {one["name"]: one["state"] for one in over(a_copy).said(f"s/copy/r/{id}")["views"]}
        for id in (run, other)
    }
    assert views[run]["error_heatmap"] == "ready" and views[other]["error_heatmap"] == "now"
