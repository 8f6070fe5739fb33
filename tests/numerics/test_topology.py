"""Loops, angles, graphs and distances of shapes that are known."""

from __future__ import annotations

import numpy as np
import pytest

import ontogeny as on
from ontogeny.errors import UserError

pytest.importorskip("ripser", reason="the extra topology is not installed")
from ontogeny.numerics import topology as shapes


def circle(n: int = 40, radius: float = 1.0) -> np.ndarray:
    angle = 2 * np.pi * np.arange(n) / n
    return radius * np.stack([np.cos(angle), np.sin(angle)], 1)


def within(points: np.ndarray, d: int = 9, seed: int = 0) -> np.ndarray:
    """The same points in a space of more dimensions."""
    turn = np.linalg.qr(np.random.default_rng(seed).normal(size=(d, d)))[0][: points.shape[1]]
    return points @ turn + 3


def long_loops(points: np.ndarray, least: float = 0.4) -> int:
    return int((shapes.loop_share(shapes.persistence(points)[1], points) >= least).sum())


def test_the_loop_of_a_regular_polygon_is_born_at_its_side_and_dies_at_its_triangle():
    for n in (12, 30, 60):  # multiples of 3, for which an equilateral triangle fits
        ((birth, death),) = shapes.persistence(circle(n, 2.5))[1]
        assert np.isclose(birth, 5 * np.sin(np.pi / n), atol=1e-5)
        assert np.isclose(death, 2.5 * np.sqrt(3), atol=1e-5)
        share = shapes.loop_share(np.array([[birth, death]]), circle(n, 2.5))
        assert np.isclose(share[0], 1 - 2 * np.sin(np.pi / n) / np.sqrt(3), atol=1e-5)


def test_two_circles_a_torus_a_line_and_noise():
    two = np.concatenate([circle(30), circle(30) + np.array([6, 0])])
    pieces, loops = shapes.persistence(two)
    assert (loops[:2, 1] - loops[:2, 0] > 1).all() and (loops[2:, 1] - loops[2:, 0] < 0.2).all()
    assert np.isinf(pieces[0, 1]) and np.isclose(
        pieces[1, 1], 4, atol=1e-4
    )  # joined across the gap, and then for ever
    a, b = (x.ravel() for x in np.meshgrid(*[2 * np.pi * np.arange(18) / 18] * 2))
    torus = np.stack([np.cos(a), np.sin(a), np.cos(b), np.sin(b)], 1)
    assert long_loops(torus) == 2 and long_loops(within(torus)) == 2
    assert long_loops(np.stack([np.arange(30.0), np.zeros(30)], 1)) == 0
    noise = [long_loops(np.random.default_rng(seed).normal(size=(59, 2))) for seed in range(40)]
    assert sum(noise) <= 1


def test_shape_does_not_depend_on_place_turn_or_scale():
    one = circle(45)
    share = shapes.loop_share(shapes.persistence(one)[1], one)
    moved = 17 * within(one)
    assert np.allclose(shapes.loop_share(shapes.persistence(moved)[1], moved)[:1], share[:1], atol=1e-5)
    assert on.topology(one).distance(on.topology(moved)) < 1e-4


def test_of_many_points_a_spread_out_subset_finds_the_same_loop():
    angle = np.random.default_rng(0).uniform(0, 2 * np.pi, 3000)
    many = np.stack([np.cos(angle), np.sin(angle)], 1)
    (birth, death), *_ = shapes.persistence(many)[1]
    assert birth < 0.1 and abs(death - np.sqrt(3)) < 0.1


@pytest.mark.parametrize("winds", [1, 3])
def test_the_angle_around_a_loop_is_the_angle_that_made_it(winds):
    """Also where the order of samples goes around several times; up to where it begins and its direction."""
    n = 61
    angle = 2 * np.pi * winds * np.arange(n) / n
    found = on.topology(within(np.stack([np.cos(angle), np.sin(angle)], 1))).circular()
    both = [abs(np.exp(1j * (found - sign * angle)).mean()) for sign in (1, -1)]
    assert max(both) > 0.999
    with pytest.raises(UserError, match="not 2 loops"):
        shapes.circular_coordinate(circle(20), loop=1)


def test_a_mapper_graph_of_a_circle_has_one_ring_and_of_two_pieces_two_parts():
    graph = shapes.mapper(circle(120), circle(120)[:, :1], intervals=6, overlap=0.4)
    assert graph.pieces == 1 and graph.loops == 1
    apart = np.concatenate([circle(60), circle(60) + np.array([9, 0])])
    graph = shapes.mapper(apart, apart[:, 1:], intervals=5, overlap=0.4)
    assert graph.pieces == 2 and graph.loops == 2
    assert set(np.concatenate(graph.nodes)) <= set(range(120))


def test_the_distance_of_two_diagrams_by_hand():
    """One bar moved by .3 at its end and one that goes to the diagonal (half its length away in the largest norm)."""
    first, second = np.array([[0.0, 2.0], [1.0, 1.4]]), np.array([[0.0, 2.3]])
    assert np.isclose(shapes.diagram_distance(first, second), 0.3)
    assert np.isclose(shapes.diagram_distance(first, second, "wasserstein"), 0.3 + 0.4 / np.sqrt(2))
    assert shapes.diagram_distance(np.zeros((0, 2)), np.zeros((0, 2))) == 0
    assert shapes.diagram_distance(first, first) == 0
    with pytest.raises(UserError, match="distance of diagrams"):
        shapes.diagram_distance(first, second, "hausdorff")  # type: ignore[arg-type]


def test_what_has_no_shape_is_said():
    with pytest.raises(UserError, match="three or more points"):
        shapes.persistence(np.zeros((2, 2)))
    with pytest.raises(UserError, match="1 of 5 points"):
        shapes.persistence(np.array([[0.0, 1], [1, 0], [0, 0], [1, 1], [np.nan, 0]]))


def test_the_command_tells_and_draws(tmp_path, capsys, monkeypatch):
    from ontogeny.cli import main

    np.save(tmp_path / "circle.npy", within(circle(30)))
    np.save(tmp_path / "noise.npy", np.random.default_rng(0).normal(size=(30, 9)))
    page = tmp_path / "shape.html"
    words = [str(tmp_path / "circle.npy"), str(tmp_path / "noise.npy"), "--plot", str(page)]
    monkeypatch.setattr("sys.argv", ["ontogeny", "topology", *words])
    with pytest.raises(SystemExit) as ended:
        main()
    assert not ended.value.code
    said = capsys.readouterr().out
    assert "0.88 of a perfect circle's" in said and "bottleneck" in said
    assert "angle around the longest loop" in page.read_text(encoding="utf-8")


def test_noise_is_drawn_too_and_has_no_angle():
    noise = on.topology(np.random.default_rng(3).normal(size=(60, 40)))
    assert (noise.share < 0.35).all() and "of a perfect circle's" in noise.says()
    assert len(noise.figure().data) == 6
    with pytest.raises(UserError, match=r"too short|not 1 loops"):
        noise.circular()
