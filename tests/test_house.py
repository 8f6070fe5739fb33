"""The habits of the house, held by tests: the import table, small files, nothing heavy at start-up."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from ontogeny.registry import findings, lenses, measures, views

ROOT = Path(__file__).parent.parent


def test_the_import_table_is_kept() -> None:
    command = [str(Path(sys.executable).with_name("lint-imports")), "--no-cache"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout


def test_files_are_small() -> None:
    for path in (ROOT / "src").rglob("*.py"):
        lines = len(path.read_text(encoding="utf-8").splitlines())
        assert lines <= 500, (
            f"{path.relative_to(ROOT)} has {lines} lines; above 400 there is an argument, above 500 there is none"
        )


def test_help_and_plans_need_no_torch() -> None:
    code = (
        "import sys, ontogeny, ontogeny.cli, ontogeny.plan, ontogeny.study, ontogeny.store.index\n"
        "ontogeny.study.load_study('bottleneck').variants()\n"
        "assert 'torch' not in sys.modules and 'xarray' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_everything_registered_says_which_question_it_answers() -> None:
    for registry in (lenses, measures, views, findings):
        assert len(registry) > 2
        for name, entry in registry.items():
            assert entry.question, f"{registry.kind} '{name}' has no docstring"
