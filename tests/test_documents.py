"""Every command and snippet of README and CONTRIBUTING runs as it stands there."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
import textwrap
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

import ontogeny as on
from ontogeny.cli import app

ROOT = Path(__file__).parent.parent
BIN = Path(sys.executable).parent


def blocks(document: str, language: str) -> list[str]:
    """Fenced blocks of one language, also inside lists."""
    text = (ROOT / document).read_text(encoding="utf-8")
    found = re.findall(rf"^( *)```{language}\n(.*?)^ *```", text, re.MULTILINE | re.DOTALL)
    return [textwrap.dedent(body) for _, body in found]


@pytest.fixture(scope="module")
def workplace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("reader")


def run(command: list[str], cwd: Path) -> str:
    environment = {**os.environ, "PATH": f"{BIN}:{os.environ['PATH']}", "OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    return done.stdout


def ontogeny_commands() -> list[str]:
    """Those of the section on the command line; the workbench serves until it is ended, and a cluster is not here."""
    lines = [line.partition("#")[0].strip() for line in blocks("README.md", "bash")[1].splitlines()]
    return [line for line in lines if line.startswith("ontogeny ") and "workbench" not in line]


def test_the_readme_shows_the_two_commands_first() -> None:
    assert blocks("README.md", "bash")[0].split()[:2] == ["make", "demo"]
    targets = (ROOT / "Makefile").read_text()
    for document in ("README.md", "CONTRIBUTING.md"):
        for target in re.findall(r"\bmake ([a-z-]+)(?=\s|`)", "\n".join(blocks(document, "bash"))):
            assert re.search(rf"^{target}:", targets, re.MULTILINE), f"{document} names `make {target}`"


@pytest.mark.timeout(900)
def test_commands_of_the_readme(workplace: Path) -> None:
    commands = ontogeny_commands()
    assert len(commands) > 8
    said: dict[str, str] = {}
    for name in ("a", "b"):
        np.save(workplace / f"{name}.npy", np.random.default_rng(ord(name)).normal(size=(60, 5)))
    for command in commands:
        if "RUN" in command.split():  # the reader puts the beginning of a run's id
            command = command.replace("RUN", next((workplace / "out/quick/runs").iterdir()).name[:8])
        said[command] = run(command.split(), workplace)
    again = [c for c in commands if c == "ontogeny run bottleneck-quick --out out/quick"]
    assert len(again) == 2 and "nothing to do" in said[again[0]]
    assert (workplace / "out/quick/report/index.html").is_file()
    assert (workplace / "out/quick/report/report.md").is_file()
    assert not (workplace / "out/more").exists(), "--dry-run touches nothing"


@pytest.mark.timeout(900)
def test_python_of_the_readme(workplace: Path) -> None:
    script = workplace / "notebook.py"
    script.write_text("\n".join(blocks("README.md", "python")))
    run([sys.executable, str(script)], workplace)
    assert (workplace / "out/adder/study.toml").is_file()
    assert (workplace / "out/recorded/study.toml").is_file()


def test_the_lens_of_contributing(workplace: Path) -> None:
    (workplace / "hidden_norm.py").write_text(blocks("CONTRIBUTING.md", "python")[0])
    (workplace / "use.py").write_text(
        "import hidden_norm, ontogeny as on\n"
        "store = on.run('bottleneck-quick', 'out/quick', stages=['train'])\n"
        "norm = store.run(d_hidden=4).lens('hidden_norm')['norm']\n"
        "assert norm.dims == ('step', 'neuron') and norm.attrs['long_name'] == 'RMS activation'\n"
    )
    run([sys.executable, "use.py"], workplace)


def test_the_measure_of_contributing(workplace: Path) -> None:
    (workplace / "hidden_sizes.py").write_text(blocks("CONTRIBUTING.md", "python")[1])
    (workplace / "compare.py").write_text(
        "import hidden_sizes, ontogeny as on\n"
        "store = on.run('bottleneck-quick', 'out/quick', stages=['train'])\n"
        "far = store.compare('hidden_sizes').values\n"
        "assert abs(far - far.T).max() < 1e-6 and far.diagonal().max() < 1e-6 and 0.01 < far.max() <= 1\n"
    )
    run([sys.executable, "compare.py"], workplace)


def test_comparisons_of_the_page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    on.run("bottleneck-quick", "out/quick", stages=["train"])
    shutil.copytree("out/quick", "out/again")
    lines = [
        one.partition("  #")[0] for block in blocks("docs/comparing.md", "bash") for one in block.splitlines()
    ]
    said = {}
    for line in filter(None, lines):
        done = CliRunner().invoke(app, shlex.split(line)[1:], catch_exceptions=False)
        assert done.exit_code == 0, f"{line}\n{done.output}"
        said[line] = done.output
    assert len(said) == 12
    assert all((tmp_path / f"{name}.html").is_file() for name in ("runs", "steps", "course"))
    assert "d_hidden=32" in said[lines[0]] and "1.0000" in said[lines[0]]
    exec("\n".join(blocks("docs/comparing.md", "python")), {})


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_two_dictionaries_are_compared_as_the_page_says(tmp_path: Path) -> None:
    """Commands and Python in the order in which they stand, and the numbers that the page names."""
    page = (ROOT / "docs/same_dictionaries.md").read_text(encoding="utf-8")
    steps = re.findall(r"^```(bash|python)\n(.*?)^```", page, re.MULTILINE | re.DOTALL)
    assert [language for language, _ in steps] == ["bash"] * 3 + ["python", "bash", "bash", "bash"]
    said: dict[str, str] = {}
    for language, block in steps:
        if language == "python":
            (tmp_path / "page.py").write_text(block)
            said["python"] = run([sys.executable, "page.py"], tmp_path)
            continue
        for line in block.splitlines():
            said[line] = run(["bash", "-c", line], tmp_path)
    table = (tmp_path / "table.md").read_text()
    chance = re.search(r"\| mmcs \|.*?\| (0\.\d+) ± ", table)
    assert chance and 0.40 < float(chance.group(1)) < 0.44, table
    mcc = re.search(r"\| mcc \| ↑ \| (0\.\d+)", table)
    assert mcc and float(mcc.group(1)) > 0.7, table
    of = {
        name: float(value)
        for name, value in re.findall(r"\| A \| (\w+) ?\w* \| rsa_cosine \| ↑ \| (-?[\d.]+)", said["python"])
    }
    assert of["B"] > of["nothing"] + 0.2 and of["another"] > of["nothing"] + 0.2, said["python"]
    assert "cluster 1" in (tmp_path / "by_cluster.md").read_text()
    assert (tmp_path / "table.html").is_file() and "0 of 96" not in said["python"]
    assert all((tmp_path / f"{name}.html").stat().st_size > 20_000 for name in ("maps", "runs", "shape"))
    assert any("teens" in text for line, text in said.items() if "--labels" in line)
