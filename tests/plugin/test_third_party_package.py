"""A real package, installed by pip, enters through its entry point: catalogues, studies, results and their provenance."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from ontogeny.errors import UserError
from ontogeny.lenses.base import lens
from ontogeny.registry import Registry, lenses

PACKAGE = Path(__file__).parent / "package"
RECIPE = """
name = "with_a_plugin"
lenses = ["performance", { name = "loss_by_parity", options = { scale = 2.0 } }, "loss_by_parity"]
measures = ["norm_distance"]
[task]
kind = "modular_maximum"
p = 6
train_fraction = 0.6
held_out = "validation"
[architecture]
kind = "bilinear"
d_hidden = 4
[train]
epochs = 2
[vary]
seed = [0, 1]
[[report]]
heading = "Parity"
views = ["parity_bars"]
"""


@pytest.fixture(scope="module")
def installed(tmp_path_factory, environment) -> dict[str, str]:
    """The environment of a process that sees the package. Built from a copy: setuptools writes beside the sources."""
    pytest.importorskip("setuptools")
    root = tmp_path_factory.mktemp("third party")
    source, target = shutil.copytree(PACKAGE, root / "source"), root / "site"
    words = [
        "install",
        "--quiet",
        "--no-deps",
        "--no-build-isolation",
        "--no-index",
        "--target",
        target,
        source,
    ]
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", *map(str, words)]
    done = subprocess.run(pip, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return {**environment, "PYTHONPATH": os.pathsep.join([str(target), os.environ.get("PYTHONPATH", "")])}


@pytest.fixture(scope="module")
def ran(installed, command, tmp_path_factory) -> tuple[Path, Path]:
    """A recipe that names everything of the package, and the directory of its run."""
    root = tmp_path_factory.mktemp("with a plugin")
    recipe, out = root / "study.toml", root / "out"
    recipe.write_text(RECIPE)
    told = command("run", recipe, "--out", out, env=installed)
    assert told.returncode == 0, told.stderr
    return recipe, out


def test_it_is_in_the_catalogues_with_its_origin(installed):
    script = "from ontogeny import cli_catalogues as c; c.lenses(); c.measures(); c.views()"
    told = subprocess.run(
        [sys.executable, "-c", script], env=installed, capture_output=True, text=True, check=False
    )
    assert told.returncode == 0, told.stderr
    text = " ".join(told.stdout.split())
    for name, question in (
        ("loss_by_parity", "Is the model better at even or at odd"),
        ("norm_distance", "How different are the sizes"),
        ("parity_bars", "Loss at even and odd first operands"),
    ):
        assert name in text and question in text
    assert text.count("(ontogeny-example 1.2.3)") == 3


def test_a_study_names_it_and_its_results_say_where_they_come_from(ran, installed, command):
    _, out = ran
    results = {p.name.split(".")[0].partition("-")[0] for p in out.glob("runs/*/results/*.nc")}
    assert results == {"performance", "loss_by_parity"}
    assert len(list(out.glob("runs/*/results/loss_by_parity*.nc"))) == 4  # two runs, two settings
    import xarray as xr

    data = xr.load_dataset(next(out.glob("runs/*/results/loss_by_parity.nc")), engine="h5netcdf")
    assert data["loss"].dims == ("step", "remainder_of_two") and data["loss"].attrs["units"] == "nat"
    assert data.attrs["made_by"] == "ontogeny-example 1.2.3"
    about = json.loads(data.attrs["ontogeny"])
    assert about["name"] == "loss_by_parity" and about["options"] == {"scale": 1.0}
    pairs = xr.load_dataset(out / "comparisons" / "norm_distance.nc", engine="h5netcdf")
    assert pairs.attrs["made_by"] == "ontogeny-example 1.2.3" and pairs["value"].shape == (2, 2)
    assert "Loss at even and odd first operands" in (out / "report" / "index.html").read_text()


def test_without_the_package_its_names_are_unknown(installed, command, tmp_path, environment):
    recipe, out = tmp_path / "study.toml", tmp_path / "out"
    recipe.write_text(RECIPE)
    told = command("run", recipe, "--out", out, env=environment)
    assert told.returncode == 2 and "no task 'modular_maximum'" in told.stderr and not out.exists()


def test_a_new_version_makes_results_stale(ran, installed, command):
    """Nobody can see into a package's code for sure, so another version is another lens."""
    recipe, out = ran
    assert "nothing to do" in command("run", recipe, "--out", out, "--dry-run", env=installed).stdout
    site = Path(installed["PYTHONPATH"].split(os.pathsep)[0])
    metadata = next(site.glob("*.dist-info")) / "METADATA"
    before = metadata.read_text()
    metadata.write_text(before.replace("Version: 1.2.3", "Version: 1.3.0"))
    try:
        plan = command("run", recipe, "--out", out, "--dry-run", env=installed).stdout
    finally:
        metadata.write_text(before)
    assert "loss_by_parity: its code or options changed" in plan
    assert "performance: its code or options changed" in plan  # the task is the package's, too


def test_a_broken_package_takes_nothing_down(tmp_path, command, environment):
    broken = tmp_path / "site" / "broken-1.0.dist-info"
    broken.mkdir(parents=True)
    (broken / "METADATA").write_text("Metadata-Version: 2.1\nName: broken\nVersion: 1.0\n")
    (broken / "entry_points.txt").write_text("[ontogeny]\nbroken = broken_plugin\n")
    (tmp_path / "site" / "broken_plugin.py").write_text("raise RuntimeError('not today')\n")
    told = command("lenses", env={**environment, "PYTHONPATH": str(tmp_path / "site")})
    assert told.returncode == 0 and "performance" in told.stdout
    assert "'broken'" in told.stderr and "not today" in told.stderr and "Traceback" not in told.stderr


def test_a_name_that_is_taken_is_refused():
    assert "performance" in lenses
    with pytest.raises(UserError, match=r"lens 'performance' exists already.*needs another name"):

        @lens(name="performance")
        def mine(model):
            """Another one?"""
            return {}

    assert lenses["performance"].function.__module__ == "ontogeny.lenses.performance"


def test_the_same_definition_may_be_imported_twice():
    some: Registry[object] = Registry("thing", "ontogeny.tasks")

    class Thing:
        pass

    first = some.add("thing", Thing)
    assert some.add("thing", first) is Thing
    with pytest.raises(UserError, match="exists already"):
        some.add("thing", type("Other", (), {"__module__": "elsewhere"}))
