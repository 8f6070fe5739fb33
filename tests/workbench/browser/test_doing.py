"""Training from the browser, a report of what was set aside, a copy that opens from a file."""

from __future__ import annotations

import pytest

from ontogeny.handles import open_store
from ontogeny.workbench.export import export

expect = pytest.importorskip("playwright.sync_api").expect

RECIPE = """name = "begun"
[task]
kind = "modular_addition"
p = 7
train_fraction = 0.7
[architecture]
kind = "bilinear"
d_hidden = 3
[train]
epochs = 4
batch = 8
[vary]
seed = [0, 1]
"""


def test_a_study_is_begun_from_the_browser(page, serve, tmp_path, settled):
    page.forgiven = {400}
    (tmp_path / "out").mkdir()
    page.goto(serve(tmp_path / "out"))
    page.get_by_role("button", name="A new study").click()
    settled(page)
    text = page.get_by_role("textbox", name="The recipe as TOML")
    text.fill(RECIPE)
    epochs = page.locator("[data-path='train.epochs']")
    page.locator("details[data-name=train] > summary").click()
    expect(epochs).to_have_value("4")
    epochs.fill("-5")  # wrong, at its key
    epochs.press("Enter")
    expect(page.locator("#field-train\\.epochs-wrong")).to_contain_text("greater than 0")
    epochs.fill("5")
    epochs.press("Enter")
    expect(text).to_have_value(pytest.importorskip("re").compile("epochs = 5"))
    page.get_by_label("Folder").fill("begun")
    expect(page.get_by_text("2 runs", exact=True)).to_be_visible()
    expect(page.get_by_text("of training here")).to_be_visible()
    page.get_by_role("button", name="Start").click()
    expect(page.locator(".job-card .state")).to_have_text("done")
    store = open_store(tmp_path / "out" / "begun")
    assert list(store.runs()["status"]) == ["done", "done"] and store.runs()["epoch"].max() == 5


def test_a_report_of_what_was_set_aside(page, serve, copied, settled):
    run = open_store(copied / "small").run(seed=0)
    address = serve(copied)
    page.goto(f"{address}?s=small&page=explore&run={run.id}&views=error_heatmap")
    settled(page)
    page.get_by_role("button", name="Put it into the report").click()
    expect(page.get_by_text("In the report.")).to_be_visible()
    page.get_by_role("button", name="Report", exact=True).click()
    settled(page)
    note = page.get_by_role("textbox", name="Note on Errors over (a, b)")
    note.fill("Diagonals.")
    note.blur()
    page.get_by_role("button", name="Write HTML, one file").click()
    expect(page.get_by_text("Written to")).to_be_visible()
    written = (copied / "small" / "report" / "workbench.html").read_text()
    assert "Diagonals." in written and "Errors over (a, b)" in written
    page.get_by_role("button", name="Write PDF").click()
    expect(page.get_by_text("workbench.pdf")).to_be_visible(timeout=180_000)
    assert (copied / "small" / "report" / "workbench.pdf").read_bytes().startswith(b"%PDF")


def test_a_copy_opens_from_a_file(page, small, tmp_path, settled):
    index = export([small], tmp_path / "site", runs=1)
    page.goto(index.as_uri())
    page.get_by_role("link", name="A small study").click()
    settled(page)
    expect(page.get_by_role("grid", name="Runs").get_by_role("row")).to_have_count(4)
    page.get_by_role("grid", name="Runs").locator(".row").first.click()
    settled(page)
    expect(page.locator(".panel .plot svg").first).to_be_visible()
    page.keyboard.press("ArrowLeft")
    page.get_by_role("button", name="Neurons", exact=True).click()
    settled(page)
    expect(page.get_by_text("12 of 12 neurons")).to_be_visible()


def test_read_only_offers_nothing_that_changes(page, serve, copied, settled):
    address = serve(copied, "--read-only")
    page.goto(address)
    settled(page)
    expect(page.get_by_role("button", name="A new study")).to_have_count(0)
    page.goto(f"{address}?s=small&page=train")
    expect(page.get_by_text("read-only; nothing can be begun")).to_be_visible()
