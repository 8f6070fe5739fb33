"""A copy holds the answers that the viewer would have been given."""

from __future__ import annotations

import base64
import json
import re

import pytest

from ontogeny.errors import UserError
from ontogeny.workbench.export import export, key_of, matched


@pytest.fixture(scope="module")
def site(shelf, tmp_path_factory):
    folder = tmp_path_factory.mktemp("site") / "copy"
    export([shelf / "first"], folder, runs=1)
    return folder


def answers(site):
    found = {}
    for path in (site / "answers").glob("*.js"):
        number, text = re.fullmatch(r"ontogenyAnswers\((\d+),(.*)\);\n", path.read_text(), re.DOTALL).groups()
        found |= {key: (int(number), value) for key, value in json.loads(text).items()}
    return found


def test_every_answer_is_the_servers(site, client, shelf):
    index = json.loads((site / "answers.js").read_text().partition("= ")[2].rstrip(";\n"))
    there = answers(site)
    assert index == {key: number for key, (number, _) in there.items()} and len(index) > 10
    run = client.said("s/first/runs")["columns"][0]["values"][0]
    for path, query in (
        ("s/first/runs", {}),
        (f"s/first/r/{run}", {}),
        ("s/first/figure", {"runs": run, "view": "loss_curves"}),
    ):
        assert there[key_of(path, query)][1]["j"] == client.said(path, **query), path
    metrics = there[key_of(f"s/first/r/{run}/metrics", {})][1]["b"]
    assert base64.b64decode(metrics) == client.bytes(f"s/first/r/{run}/metrics")


def test_a_copy_is_a_page_without_inline_script(site):
    page = (site / "index.html").read_text()
    assert re.findall(r"<script[^>]*>([^<]*)</script>", page) == ["", ""]
    assert {path.name for path in site.iterdir()} == {
        "index.html",
        "viewer.js",
        "viewer.css",
        "plotly.js",
        "answers.js",
        "answers",
    }


def test_a_folder_with_something_else_is_refused(tmp_path, shelf):
    (tmp_path / "mine.txt").write_text("")
    with pytest.raises(UserError, match="something else"):
        export([shelf / "first"], tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


def test_forms_of_addresses():
    assert matched("s/{study}/r/{run}", "s/a/r/b") == {"study": "a", "run": "b"}
    assert matched("s/{study}/runs", "s/a/r") is None and matched("s/{study}", "s/a/b") is None
    assert key_of("s/a", {"b": "x y", "a": 1}) == "s/a?a=1&b=x%20y"
