"""Nobody else may ask, nothing outside is read, and a page may run no script but ours."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from urllib.parse import quote

import pytest

from ontogeny.errors import UserError
from ontogeny.workbench.safety import COOKIE, is_local, names_of

OUT = (
    "..",
    "../",
    "../../etc",
    "/etc",
    "%2e%2e",
    "..%2f..%2fetc",
    "%2fetc%2fpasswd",
    "first/../../..",
    "first%00",
    "~",
    "C:\\x",
    "\\\\host\\x",
)


def test_a_name_that_points_here_is_not_us(client):
    assert client.get("/api/studies").status_code == 200
    for host in ("evil.example", "evil.example:8765", "127.0.0.1.evil.example", "", "10.0.0.1"):
        assert client.get("/api/studies", Host=host).status_code == 421, host
    for host in ("localhost:8765", "127.0.0.1", "[::1]:8765"):
        assert client.get("/api/studies", Host=host).status_code == 200, host


def test_pages_of_others_are_not_answered(client):
    for origin in ("https://evil.example", "null", "http://127.0.0.1:9999", "http://localhost:8765"):
        assert client.get("/api/studies", Origin=origin).status_code == 403, origin
    assert client.get("/api/studies", Origin="http://127.0.0.1:8765").status_code == 200
    assert (
        client.get("/api/studies", Sec_Fetch_Site="cross-site", Sec_Fetch_Mode="no-cors").status_code == 403
    )
    assert (
        client.get("/", Sec_Fetch_Site="cross-site", Sec_Fetch_Mode="navigate").status_code == 200
    )  # a link


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example"},
        {"Content-Type": "text/plain"},
        {"Content-Type": "application/x-www-form-urlencoded"},
    ],
)
def test_changes_are_asked_for_by_our_pages_alone(client, headers):
    assert client.post("s/first/nothing", {}, **headers).status_code == 403


def test_read_only_changes_nothing(over, shelf):
    answer = over(shelf, read_only=True).post("s/first/anything", {})
    assert answer.status_code == 403 and "read-only" in answer.json()["error"]


def test_a_token_is_asked_for_where_others_can_reach_us(over, shelf):
    client = over(shelf, token="secret")
    assert client.get("/api/studies").status_code == 401
    assert client.get("/?token=wrong").status_code == 401
    entered = client.get("/?token=secret&s=first")
    assert entered.status_code == 303 and entered.headers["location"] == "/?s=first"
    cookie = entered.headers["set-cookie"].lower()
    assert "httponly" in cookie and "samesite=strict" in cookie
    assert client.get("/api/studies", Cookie=f"{COOKIE}=secret").status_code == 200
    assert client.get("/api/studies", Cookie=f"{COOKIE}=other").status_code == 401


def test_who_is_local():
    assert all(map(is_local, ("127.0.0.1", "localhost", "::1", "127.8.8.8")))
    assert not any(map(is_local, ("0.0.0.0", "192.168.1.2", "::", "example.org")))
    assert "evil.example" not in names_of("0.0.0.0") and "192.168.1.2" in names_of("192.168.1.2")


def test_every_answer_carries_the_policy(client):
    for path in ("/", "/api/studies", "/viewer/app.js", "/nowhere", "/api/nowhere"):
        headers = client.get(path).headers
        policy = dict(part.split(" ", 1) for part in headers["content-security-policy"].split("; "))
        assert policy["script-src"] == "'self'" and policy["default-src"] == "'none'", path
        assert policy["frame-ancestors"] == "'none'" and headers["x-content-type-options"] == "nosniff"
    refused = client.get("/", Host="evil.example")
    assert "script-src 'self'" in refused.headers["content-security-policy"]
    page = client.get("/").text
    assert '<script type="module" src=' in page and "onload" not in page and "javascript:" not in page


@pytest.mark.parametrize("word", OUT)
def test_no_word_of_an_address_becomes_a_path(client, word):
    for path in (
        f"/api/s/{word}",
        f"/api/s/{word}/runs",
        f"/api/s/first/r/{word}",
        f"/viewer/{word}",
        f"/viewer/{quote(word, safe='')}",
        f"/api/s/{quote(word, safe='')}",
    ):
        answer = client.get(path)
        assert "root:" not in answer.text
        if path.startswith("/api") and answer.headers["content-type"].startswith("application/json"):
            assert answer.status_code in (400, 404) or answer.json() == client.said("s/first"), path


def test_a_study_that_is_a_link_out_of_the_folder_is_not_there(over, trained, tmp_path):
    (tmp_path / "open").mkdir()
    (tmp_path / "open" / "stray").symlink_to(trained)
    assert over(tmp_path / "open").said("studies") == []
    assert "no study" in over(tmp_path / "open").refused("s/stray")


@pytest.mark.parametrize("what", ["folder of runs", "run", "file", "absolute file"])
def test_a_study_with_a_link_out_of_the_folder_is_not_read(over, trained, tmp_path, what):
    inside, outside = tmp_path / "open" / "study", tmp_path / "outside"
    shutil.copytree(trained, inside)
    run = next((inside / "runs").iterdir())
    place = {"folder of runs": inside / "runs", "run": run}.get(what, run / "run.json")
    shutil.move(place, outside)
    place.symlink_to(outside.resolve() if what == "absolute file" else os.path.relpath(outside, place.parent))
    said = over(tmp_path / "open").refused("s/study")
    assert "leads out of the folders" in said and str(place) in said


def test_a_link_within_the_folders_is_followed(over, trained, tmp_path):
    inside = tmp_path / "study"
    shutil.copytree(trained, inside)
    shutil.move(inside / "runs", tmp_path / "elsewhere")
    (inside / "runs").symlink_to(tmp_path / "elsewhere")
    assert sum(over(tmp_path).said("s/study")["states"].values()) == 3


def test_names_are_text(over, trained, tmp_path):
    """What a recipe calls itself reaches the page as JSON, which the viewer puts into text nodes."""
    study = tmp_path / "study"
    shutil.copytree(trained, study)
    text = (study / "study.toml").read_text()
    (study / "study.toml").write_text(
        text.replace("[task]", 'title = "<img src=x onerror=alert(1)>"\n\n[task]', 1)
    )
    answer = over(tmp_path).get("/api/studies")
    assert answer.headers["content-type"] == "application/json"
    assert answer.json()[0]["title"] == "<img src=x onerror=alert(1)>"


def test_a_folder_that_is_not_there_is_said(over, tmp_path):
    with pytest.raises(UserError, match="no directory"):
        over(Path(tmp_path) / "nowhere")


def test_a_broken_study_breaks_nothing_else(over, shelf, tmp_path):
    shutil.copytree(shelf, tmp_path / "shelf")
    (tmp_path / "shelf" / "first" / "study.toml").write_text("not [toml")
    client = over(tmp_path / "shelf")
    wrong = {one["key"]: one["wrong"] for one in client.said("studies")}
    assert wrong["first"] and not wrong["second"]
    assert client.refused("s/first")
    assert client.said("s/second")["states"] == {"done": 3}


def test_a_broken_run_shows_as_broken(over, trained, tmp_path):
    shutil.copytree(trained, tmp_path / "study")
    first = sorted((tmp_path / "study" / "runs").iterdir())[0]
    (first / "run.json").write_text("{")
    client = over(tmp_path)
    table = {one["name"]: one["values"] for one in client.said("s/study/runs")["columns"]}
    assert table["status"].count("damaged") == 1 and table["status"].count("done") == 2
    assert client.said("s/study")["wrong"]
    assert "damaged" in client.refused(f"s/study/r/{first.name}") or "run.json" in client.refused(
        f"s/study/r/{first.name}"
    )
