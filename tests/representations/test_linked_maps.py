"""Two maps whose partners are known: a dictionary beside itself in another order."""

from __future__ import annotations

import base64
import json
import re

import numpy as np
import pytest
import torch

import ontogeny as on
from ontogeny.errors import UserError
from ontogeny.numerics.arranging import cloud


@pytest.fixture
def shuffled():
    """40 atoms in 5 tight bundles, and the same ones in another order: ``Y[j] = X[order[j]]``."""
    draw = torch.Generator().manual_seed(1)
    centres = torch.randn(5, 12, generator=draw)
    X = centres.repeat_interleave(8, 0) + 0.1 * torch.randn(40, 12, generator=draw)
    order = torch.randperm(40, generator=draw)
    acts = torch.rand(36, 40, generator=draw) * (torch.rand(36, 40, generator=draw) > 0.7)
    return X, X[order], order.numpy(), (acts, acts[:, order])


@pytest.mark.parametrize("by", ["vectors", "activations"])
def test_the_partner_of_every_atom_is_itself(shuffled, by):
    X, Y, order, acts = shuffled
    if by == "activations":
        Y = torch.randn(40, 3)  # another space: only what they do can pair them
    maps = on.linked_maps(X, Y, layout="pca", clusters=5, activations=acts if by == "activations" else None)
    assert (maps.right.partner == order).all()
    assert (maps.left.partner[order] == np.arange(40)).all()
    assert np.allclose(maps.left.score, 1, atol=1e-6)
    assert (maps.left.nearest[:, 0] == maps.left.partner).all()
    assert (maps.right.cluster == maps.left.cluster[order]).all()
    if by == "vectors":  # the bundles are the groups
        assert len({tuple(sorted(np.flatnonzero(maps.left.cluster == g))) for g in range(5)}) == 5
        assert all(len(set(maps.left.cluster[8 * g : 8 * g + 8])) == 1 for g in range(5))


def test_what_an_atom_does_is_told(shuffled):
    X, Y, _, acts = shuffled
    maps = on.linked_maps(X, Y, layout="pca", activations=acts, grid=(6, 6))
    left = maps.left
    assert np.allclose(left.density, (acts[0] > 0).float().mean(0))
    assert (left.examples[:, 0] == acts[0].argmax(0).numpy()).all()
    assert np.allclose(left.most[:, 0], acts[0].max(0).values)
    assert left.tiles.shape == (40, 14, 14) and (left.tiles.reshape(40, -1).max(1) == 255).all()
    # a map that is active for one a alone lights up one band of its tile
    one = torch.zeros(6, 6)
    one[2] = 1
    band = on.linked_maps(
        X, Y, layout="pca", activations=(one.reshape(36, 1) * torch.rand(40), acts[1]), grid=(6, 6)
    )
    lit = band.left.tiles[0] > 0
    assert (lit == lit[:, :1]).all() and 2 <= lit[:, 0].sum() <= 4


def test_a_unit_without_partner_is_shown_as_one(shuffled):
    X, Y, _, _ = shuffled
    maps = on.linked_maps(X, Y[:25], layout="pca")
    assert (maps.left.partner < 0).sum() == 15 and np.isnan(maps.left.score[maps.left.partner < 0]).all()
    assert maps.right.cluster.min() >= -1


def test_places_are_those_of_the_plane_where_there_is_one():
    """Directions on a circle lie on a circle, whatever the space around it."""
    angle = torch.arange(24) * 2 * torch.pi / 24
    plane = torch.linalg.qr(
        torch.randn(9, 2, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    )[0]
    places = cloud((torch.stack([angle.cos(), angle.sin()], 1).double() @ plane.mT).numpy(), "pca")
    assert np.allclose(np.linalg.norm(places, axis=1), 1)
    turn = np.diff(np.unwrap(np.arctan2(places[:, 1], places[:, 0])))
    assert np.allclose(np.abs(turn), 2 * np.pi / 24)


def test_the_page_holds_the_numbers_and_executes_no_label(shuffled, tmp_path):
    X, Y, order, acts = shuffled
    evil = ["</script><script>alert(1)</script>", *(f"feature {i}" for i in range(39))]
    maps = on.linked_maps(X, Y, layout="pca", labels=evil, activations=acts, names=("<b>A</b>", "B"))
    text = maps.save(tmp_path / "maps.html").read_text(encoding="utf-8")
    assert "<script>alert" not in text and "<b>A" not in text
    said = json.loads(re.search(r'id="data">(.*?)</script>', text, re.S)[1])
    partner = said["sides"][1]["partner"]
    assert (np.frombuffer(base64.b64decode(partner["bytes"]), "<i4") == order).all()
    assert said["sides"][0]["labels"] == evil
    assert "http:" not in text and "https:" not in text  # nothing is fetched


def test_what_cannot_be_mapped_is_said(shuffled, tmp_path):
    X, Y, _, acts = shuffled
    with pytest.raises(UserError, match="share no space"):
        on.linked_maps(X, Y[:, :5], layout="pca")
    with pytest.raises(UserError, match="39 labels for the 40 atoms"):
        on.linked_maps(X, Y, layout="pca", labels=["x"] * 39)
    with pytest.raises(UserError, match="5 × 5 has not 36 samples"):
        on.linked_maps(X, Y, layout="pca", activations=acts, grid=(5, 5))
    with pytest.raises(UserError, match="samples × atoms"):
        on.linked_maps(X, Y, layout="pca", activations=(acts[0][:, :7], acts[1]))
    with pytest.raises(UserError, match="linked maps are one"):
        on.linked_maps(X, Y, layout="pca").save(tmp_path / "maps.png")
    with pytest.raises(UserError, match="way to lay out a map"):
        on.linked_maps(X, Y, layout="tsne")


@pytest.mark.slow
def test_neighbourhoods_survive_umap(shuffled):
    pytest.importorskip("umap")
    X, Y, order, _ = shuffled
    maps = on.linked_maps(X, Y, clusters=5)
    for side, rows in ((maps.left, np.arange(40)), (maps.right, order)):
        near = np.linalg.norm(side.places[:, None] - side.places[None], axis=-1)
        np.fill_diagonal(near, np.inf)
        assert (rows[near.argmin(1)] // 8 == rows // 8).mean() > 0.9
    again = on.linked_maps(X, Y, clusters=5)
    assert (again.left.places == maps.left.places).all()
