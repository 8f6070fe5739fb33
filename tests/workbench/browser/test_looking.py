"""Studies, runs, one run under the cursor, all neurons: as a person would look at them."""

from __future__ import annotations

import re

import pytest

from ontogeny.handles import open_store

expect = pytest.importorskip("playwright.sync_api").expect


@pytest.mark.quick
def test_from_the_studies_to_a_run_and_back(page, address, settled, small):
    page.goto(address)
    page.get_by_role("link", name="A small study <b>of nothing</b>").click()  # text, not markup
    settled(page)
    grid = page.get_by_role("grid", name="Runs")
    expect(grid.get_by_role("row")).to_have_count(4)
    grid.get_by_role("button", name="test loss").click()
    expect(grid.get_by_role("columnheader", name="test loss")).to_have_attribute("aria-sort", "ascending")
    table = open_store(small).runs()
    order = list(table.sort_values("test_loss").index)
    assert [row.inner_text() for row in grid.locator(".row code").all()] == order
    page.get_by_role("searchbox", name="Filter runs").fill("seed>=1")
    expect(page.get_by_text("2 of 3 runs")).to_be_visible()
    grid.locator(".row").first.click()
    settled(page)
    assert "page=explore" in page.url
    page.go_back()
    expect(page.get_by_role("searchbox", name="Filter runs")).to_have_value("seed>=1")


def test_the_cursor_moves_what_is_shown(page, address, settled, small):
    run = open_store(small).run(seed=1)
    page.goto(f"{address}?s=small&page=explore&run={run.id}&views=error_heatmap,key_frequency_bars")
    settled(page)
    step = page.locator(".cursor-bar .step")
    expect(step).to_have_text(f"step {run.steps[-1]}")
    page.keyboard.press("ArrowLeft")
    expect(step).to_have_text(f"step {run.steps[-2]}")
    page.get_by_role("slider", name="Step").fill("0")
    expect(step).to_have_text("step 0")
    page.wait_for_url(re.compile(r"step=0\b"))
    # what the figure shows is what the library says of that step
    panel = page.get_by_role("region", name="Errors over (a, b)")
    page.wait_for_timeout(600)
    panel.get_by_role("button", name="Save this figure").click()
    with page.expect_download() as saved:
        panel.get_by_role("menuitem", name="CSV of what is shown").click()
    rows = [line.split(",") for line in saved.value.path().read_text().splitlines()[1:]]
    shown = [float(row[-1]) for row in rows]
    truth = run.lens("error_grid", [0])["error"].isel(step=0).values.ravel()
    assert shown == pytest.approx(truth.tolist())
    # a click in the curve sets it
    box = page.locator(".curves .plot").bounding_box()
    # the right end of the first of two panels, between Plotly's margins
    page.mouse.click(box["x"] + 56 + 0.455 * (box["width"] - 70), box["y"] + box["height"] * 0.5)
    expect(step).to_have_text(f"step {run.steps[-1]}")


def test_views_are_found_pinned_and_linked(page, address, settled, small):
    run = open_store(small).run(seed=0)
    page.goto(f"{address}?s=small&page=explore&run={run.id}&views=key_frequency_bars")
    settled(page)
    page.get_by_role("searchbox", name="Search views").fill("attention")
    page.get_by_role("button", name="Attention of the last position").click()
    settled(page)
    expect(page.locator(".panel")).to_have_count(2)
    panel = page.get_by_role("region", name="Attention of the last position")
    panel.get_by_role("button", name="How to read this figure").click()
    expect(panel.get_by_text("Lens attention")).to_be_visible()
    page.reload()  # a copied link opens the same
    settled(page)
    expect(page.locator(".panel")).to_have_count(2)
    page.go_back()
    expect(page.locator(".panel")).to_have_count(1)


def test_what_must_be_computed_is_offered_and_computed(page, serve, copied, settled):
    run = open_store(copied / "small").run(seed=0)
    page.goto(f"{serve(copied)}?s=small&page=explore&run={run.id}&views=trajectory_path")
    settled(page)
    panel = page.locator("[data-view=trajectory_path]")
    expect(panel.get_by_text("nobody has computed yet")).to_be_visible()
    panel.get_by_role("button", name="Compute it").click()
    expect(page.locator("[data-view=trajectory_path] .plot svg").first).to_be_visible()
    assert "trajectory" in open_store(copied / "small").run(run.id).entry.results


def test_all_neurons_sorted_and_one_of_them(page, address, settled, small):
    run = open_store(small).run(seed=0)
    page.goto(f"{address}?s=small&page=neurons&run={run.id}")
    settled(page)
    expect(page.get_by_text("12 of 12 neurons")).to_be_visible()
    page.get_by_label("Sort by").select_option(label="share at the dominant frequency")
    page.get_by_label("Colour by").select_option(label="dominant frequency")
    expect(page.locator(".legend")).to_contain_text("dominant frequency")
    page.get_by_label("Keep those").fill(">0.5")
    page.keyboard.press("Enter")
    share = run.lens("neuron_fourier")["dominant_share"].isel(step=-1).values
    expect(page.get_by_text(f"{(share > 0.5).sum()} of 12 neurons")).to_be_visible()
    page.get_by_label("Keep those").fill("")
    page.keyboard.press("Enter")
    expect(page.get_by_text("12 of 12 neurons")).to_be_visible()
    box = page.locator(".mosaic").bounding_box()
    page.mouse.click(box["x"] + 15, box["y"] + 15)  # the first in the order
    first = int(share.argsort(kind="stable")[0])
    expect(page.get_by_role("heading", name=f"neuron {first}", exact=True)).to_be_visible()
    expect(page.get_by_role("img", name="Spectrum")).to_be_visible()
    page.locator(".mosaic").focus()
    page.keyboard.press("ArrowRight")
    expect(
        page.get_by_role("heading", name=f"neuron {int(share.argsort(kind='stable')[1])}", exact=True)
    ).to_be_visible()
    page.get_by_label("Show").select_option(label="heads · layer 0 attn pattern")
    expect(page.get_by_text(re.compile("of 4 heads|of 6 heads"))).to_be_visible()


def test_neurons_in_groups_and_the_typical_ones(page, address, settled, small):
    run = open_store(small).run(seed=0)
    page.goto(f"{address}?s=small&page=neurons&run={run.id}")
    settled(page)
    page.get_by_label("Cluster by").select_option(label="map")
    step = run.steps[-1]
    truth = run.lens("neuron_clusters", [step], tap="neurons[-1]", by="map").isel(step=0)
    count = float(truth["count"])
    expect(page.get_by_text("one cloud" if count == 1 else f"{count:.0f} groups")).to_be_visible()
    expect(page.locator(".swatch")).to_have_count(int(count))
    page.get_by_role("button", name="Typical ones alone").click()
    expect(page.get_by_text(f"{int(count)} of 12 neurons")).to_be_visible()
    page.wait_for_url(re.compile(r"cluster=map.*typical=1"))
    page.get_by_label("Cluster by").select_option(label="history over training")
    expect(page.get_by_role("button", name="Typical ones alone")).to_be_visible()
    expect(page.locator(".swatch").first).to_be_visible()


def test_units_are_chosen_by_a_lasso_and_by_keys(page, address, settled, small):
    run = open_store(small).run(seed=0)
    page.goto(f"{address}?s=small&page=neurons&run={run.id}&unit=0")
    settled(page)
    expect(page.get_by_text("12 of 12 neurons")).to_be_visible()
    box = page.locator(".mosaic").bounding_box()
    page.mouse.move(box["x"] + 10, box["y"] + 20)
    page.mouse.down()
    page.mouse.move(box["x"] + 10 + 2 * 44, box["y"] + 25, steps=6)  # over three of them
    page.mouse.up()
    expect(page.get_by_text("3 chosen")).to_be_visible()
    page.wait_for_url(re.compile(r"units=0,1,2\b"))
    page.get_by_role("button", name="Let go").click()
    page.locator(".mosaic").focus()
    for _ in range(4):
        page.keyboard.press("Shift+ArrowRight")
    expect(page.get_by_text("5 chosen")).to_be_visible()
    page.keyboard.press("Enter")
    expect(page.get_by_text("4 chosen")).to_be_visible()


def test_runs_side_by_side(page, address, settled, small):
    ids = [open_store(small).run(seed=s).id for s in (0, 1)]
    page.goto(f"{address}?s=small&page=compare&runs={','.join(ids)}&views=error_heatmap")
    settled(page)
    expect(page.locator(".compare-row .panel")).to_have_count(2)
    page.get_by_role("button", name="Differences of maps").click()
    expect(page.get_by_role("img", name="seed=1 − seed=0")).to_be_visible()


def test_runs_of_two_studies_side_by_side(page, serve, copied, settled):
    import shutil

    shutil.copytree(copied / "small", copied / "again", copy_function=shutil.copy2)
    run = open_store(copied / "small").run(seed=0)
    page.goto(f"{serve(copied)}?s=small&page=compare&runs={run.id}&views=error_heatmap")
    settled(page)
    page.get_by_label("Add a run of").select_option("again")
    page.get_by_label("Which run").select_option(label="seed=1")
    settled(page)
    expect(page.locator(".compare-row .panel")).to_have_count(2)
    other = open_store(copied / "again").run(seed=1)
    page.wait_for_url(re.compile(f"again:{other.id}"))
    page.get_by_role("button", name="Differences of maps").click()
    expect(page.get_by_role("img", name="again: seed=1 − small: seed=0")).to_be_visible()
    page.get_by_role("button", name="Take again: seed=1 away").click()
    expect(page.get_by_text("Choose two to four runs")).to_be_visible()


def test_a_measure_of_all_runs_stands_beside_its_null(page, address, settled, small):
    ids = [open_store(small).run(seed=s).id for s in (0, 1)]
    page.goto(f"{address}?s=small&page=compare&runs={','.join(ids)}&measure=activation_similarity")
    settled(page)
    expect(page.get_by_text("pairs are more alike than any two of the untrained")).to_be_visible()
    page.get_by_label("Ordered by").select_option("clustered")
    settled(page)
    box = page.get_by_role("img", name="Untrained").bounding_box()
    page.mouse.click(box["x"] + 0.9 * box["width"], box["y"] + 0.1 * box["height"])  # the first with the last
    settled(page)
    assert page.url.count(",") >= 1
    page.get_by_role("button", name="Over the steps of a run").click()
    expect(page.get_by_text("whichever its seed")).to_be_visible()


@pytest.mark.quick
def test_an_intervention_beside_the_untouched_model(page, address, settled, small):
    run = open_store(small).run(seed=0)
    page.goto(f"{address}?s=small&page=intervene&run={run.id}")
    settled(page)
    page.get_by_role("combobox", name="Add", exact=True).select_option("zero_ablate")
    units = page.get_by_label("units (numbers, from 0)")
    units.fill(", ".join(map(str, range(12))))
    units.press("Enter")
    settled(page)
    change = [{"kind": "zero_ablate", "tap": "last:blocks.0.mlp.hook_post", "units": list(range(12))}]
    after = run.lens("performance", [run.steps[-1]], change)["loss"].sel(split="all").item()
    row = page.get_by_role("row").filter(has_text="loss").filter(has_text="all")
    expect(row).to_contain_text(f"{after:.4g}"[:5])
    expect(page.locator(".compare-row .panel")).to_have_count(2)


@pytest.mark.quick
def test_what_is_not_there_is_said(page, address, settled):
    page.forgiven = {400}
    page.goto(f"{address}?s=nowhere&page=runs")
    expect(page.get_by_text("There is no study 'nowhere'").first).to_be_visible()
