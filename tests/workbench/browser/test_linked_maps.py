"""The page of linked maps as a person uses it: pointing, clicking, drawing a line, finding, and keys; from a file, without a network."""

from __future__ import annotations

import pytest
import torch

import ontogeny as on


@pytest.fixture(scope="module")
def order() -> torch.Tensor:
    return torch.randperm(60, generator=torch.Generator().manual_seed(2))


@pytest.fixture
def page(chromium, tmp_path, order):
    draw = torch.Generator().manual_seed(0)
    X = torch.randn(60, 6, generator=draw)
    acts = torch.rand(25, 60, generator=draw)
    labels = [f"feature {i}" for i in range(60)]
    maps = on.linked_maps(
        X, X[order], layout="pca", activations=(acts, acts[:, order]), grid=(5, 5), labels=labels
    )
    opened = chromium.new_page(viewport={"width": 1280, "height": 1000})
    said: list[str] = []
    opened.on("console", lambda message: said.append(message.text) if message.type == "error" else None)
    opened.on("pageerror", lambda error: said.append(str(error)))
    opened.goto(maps.save(tmp_path / "maps.html").as_uri())
    yield opened
    assert not said
    opened.close()


def dot(page, side: int, atom: int) -> tuple[float, float]:
    box = page.locator(f"#map-{side}").bounding_box()
    x, y = page.evaluate(f"[maps[{side}].screen[{2 * atom}], maps[{side}].screen[{2 * atom + 1}]]")
    return box["x"] + x, box["y"] + y


def test_pointing_at_a_dot_names_its_partner_and_a_click_tells_what_it_does(page, order):
    j = int((order == 17).nonzero())
    page.mouse.move(*dot(page, 0, 17))
    assert page.locator("#status").inner_text() == f"A 17: feature 17 – B {j}, correlation 1.00"
    page.mouse.click(*dot(page, 1, 5))
    cards = page.locator(".card")
    assert cards.count() == 2
    assert f"A {int(order[5])}: feature {int(order[5])}" in cards.nth(0).inner_text()
    assert "active on 100 % of the samples" in cards.nth(1).inner_text()
    cards.nth(1).get_by_role("button").first.click()  # its nearest on the other side is its partner
    assert page.evaluate("[state.kept.side, state.kept.atom]") == [0, int(order[5])]


def test_a_line_around_some_lights_up_their_partners(page, order):
    box = page.locator("#map-0").bounding_box()
    left, top, right, bottom = (
        box["x"] + 2,
        box["y"] + 2,
        box["x"] + box["width"] / 2,
        box["y"] + box["height"] - 2,
    )
    page.mouse.move(left, top)
    page.mouse.down()
    for x, y in ((right, top), (right, bottom), (left, bottom)):
        page.mouse.move(x, y, steps=4)
    page.mouse.up()
    inside = [i for i in range(60) if dot(page, 0, i)[0] < right]
    assert 5 < len(inside) < 55
    assert sorted(page.evaluate("[...state.chosen.atoms]")) == inside
    assert sorted(page.evaluate("[...litUp(1)]")) == sorted(int((order == i).nonzero()) for i in inside)
    assert (
        page.locator("#status")
        .inner_text()
        .startswith(f"{len(inside)} chosen in A; {len(inside)} have a partner")
    )
    page.locator("#clear").click()
    assert page.evaluate("state.chosen") is None


def test_it_is_found_by_label_and_gone_through_by_keys(page):
    page.locator("#find").fill("feature 33")
    assert page.evaluate("state.kept") == {"side": 0, "atom": 33}
    page.locator("#map-0").focus()
    page.keyboard.press("Escape")
    page.keyboard.press("ArrowRight")
    first = page.evaluate("state.at.atom")
    page.keyboard.press("Enter")
    assert page.evaluate("state.kept.atom") == first
    page.locator("#colour").select_option("score")
    page.locator("#least").fill("1")
    assert page.locator("#least-said").inner_text() == "1.00"
