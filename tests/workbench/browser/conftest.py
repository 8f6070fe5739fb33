"""A real browser before a real workbench. Skipped, with the reason, where no Chromium is."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from ontogeny.errors import UserError
from ontogeny.report.pdf import browser as program

sync_api = pytest.importorskip(
    "playwright.sync_api", reason="playwright is not installed (pip install 'ontogeny[dev]')"
)

PATIENCE = 120_000  # milliseconds; machines that run tests are busy

SMALL = {
    "name": "small",
    "title": "A small study <b>of nothing</b>",
    "question": "Does it learn?",
    "task": {"kind": "modular_addition", "p": 7, "train_fraction": 0.7},
    "architecture": {"kind": "transformer", "d_model": 16, "n_heads": 2, "d_head": 8, "d_mlp": 12},
    "optimiser": {"kind": "adamw", "lr": 1e-2},
    "train": {"epochs": 12, "batch": "full"},
    "checkpoints": {"per_decade": 5},
    "lenses": ["performance", "neuron_fourier", "error_grid", "key_frequencies", "learning_events"],
    "measures": ["activation_similarity"],
    "vary": {"seed": [0, 1, 2]},
}


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    """One browser for the tests of a module. While Playwright runs, its loop fills the thread, and no other test could use asyncio."""
    sync_api.expect.set_options(timeout=PATIENCE)
    try:
        path = program()
    except UserError as error:
        pytest.skip(str(error))
    with sync_api.sync_playwright() as playwright:
        flags = ["--no-sandbox"] if os.geteuid() == 0 else []
        flags += ["--disable-gpu", "--disable-dev-shm-usage"]
        try:
            running = playwright.chromium.launch(executable_path=path, args=flags)
        except sync_api.Error as error:
            pytest.skip(f"{path} does not start on this machine: {error}")
        yield running
        running.close()


@pytest.fixture(scope="session")
def small(tmp_path_factory: pytest.TempPathFactory, carry_out: Callable[..., Any]) -> Path:
    """A study of three seeds with neurons, heads and a measure. To be read only."""
    out = tmp_path_factory.mktemp("studies") / "small"
    carry_out(SMALL, out)
    return out


@pytest.fixture(scope="session")
def serve(environment: dict[str, str]) -> Iterator[Callable[..., str]]:
    """``serve(folder, "--read-only")``: the address of a workbench in a process of its own."""
    running = []

    def start(folder: Path, *words: str) -> str:
        command = [
            sys.executable,
            "-m",
            "ontogeny",
            "workbench",
            str(folder),
            "--port",
            "0",
            "--no-open",
            *words,
        ]
        process = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True)
        running.append(process)
        assert process.stdout is not None
        found = re.search(r"http://\S+", process.stdout.readline())
        assert found, "the workbench printed no address"
        return found[0]

    yield start
    for process in running:
        process.terminate()
        process.wait(20)


@pytest.fixture(scope="session")
def address(serve: Callable[..., str], small: Path) -> str:
    return serve(small.parent)


@pytest.fixture
def page(chromium: Any) -> Iterator[Any]:
    """A fresh page 1,280 wide, whose console must stay free of errors."""
    context = chromium.new_context(viewport={"width": 1280, "height": 900}, accept_downloads=True)
    context.set_default_timeout(PATIENCE)
    one, wrong = context.new_page(), []
    one.on("console", lambda message: wrong.append(message.text) if message.type == "error" else None)
    one.on("pageerror", lambda error: wrong.append(str(error)))
    one.forgiven = set()  # statuses of answers that a test provokes
    yield one
    context.close()
    wrong = [text for text in wrong if not any(f"status of {code}" in text for code in one.forgiven)]
    assert wrong == []


@pytest.fixture
def settled() -> Callable[[Any], None]:
    """Waits until nothing on the page is being waited for."""

    def wait(page: Any) -> None:
        sync_api.expect(page.locator("main")).to_be_visible(timeout=PATIENCE)
        sync_api.expect(page.locator(".waiting")).to_have_count(0, timeout=PATIENCE)

    return wait


@pytest.fixture
def copied(small: Path, tmp_path: Path) -> Path:
    """A folder with a copy of the study that a test may change."""
    return Path(shutil.copytree(small, tmp_path / "small", copy_function=shutil.copy2)).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """A person's ways through a browser, which the default suite has no minutes for, but for the ``quick`` ones."""
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents and not item.get_closest_marker("quick"):
            item.add_marker(pytest.mark.browser)
