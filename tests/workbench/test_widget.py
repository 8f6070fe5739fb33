"""The viewer in a cell: the kernel answers what the server would, and Python reads what is shown."""

from __future__ import annotations

from typing import Any

import pytest

from ontogeny.handles import open_store
from ontogeny.workbench.packing import unpack

pytest.importorskip("anywidget", reason="anywidget is not installed (pip install 'ontogeny[notebook]')")


@pytest.fixture
def explorer(shelf):
    store = open_store(shelf / "first")
    widget = store.run(d_hidden=3).explore()
    widget.sent = []
    widget.send = lambda content, buffers=None: widget.sent.append((content, buffers))
    return widget


def asked(widget: Any, path: str, **given: str) -> tuple[dict[str, Any], list[bytes] | None]:
    widget._asked(widget, {"number": 7, "path": path, "given": given}, [])
    return widget.sent[-1]


def test_it_opens_at_the_run(explorer, shelf):
    run = open_store(shelf / "first").run(d_hidden=3)
    assert explorer.state == {"s": "first", "page": "explore", "run": run.id} and explorer.run_id == run.id
    assert explorer.step is None and explorer.units == []
    explorer.state = {**explorer.state, "step": "4", "unit": "2"}  # as the viewer does
    assert explorer.step == 4 and explorer.units == [2]
    explorer.state = {**explorer.state, "units": "5,6"}
    assert explorer.units == [5, 6]


def test_the_kernel_answers_what_the_server_would(explorer, client):
    said, _ = asked(explorer, f"s/first/r/{explorer.run_id}")
    assert said == {"number": 7, "json": client.said(f"s/first/r/{explorer.run_id}")}
    said, buffers = asked(explorer, f"s/first/r/{explorer.run_id}/metrics")
    assert said == {"number": 7} and set(unpack(buffers[0])[0]) >= {"step", "train_loss"}


@pytest.mark.parametrize("path", ["s/second", "nowhere", "s/first/r/xyz", "jobs/run"])
def test_what_is_not_there_is_said(explorer, path):
    said, _ = asked(explorer, path)
    assert said["error"] and said["number"] == 7


def test_the_script_is_one_module(explorer):
    assert explorer._esm.count("export default") == 1
    assert ".ontogeny" in explorer._css
