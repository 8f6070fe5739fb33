"""A hand-built embedding: one circle in the plane of each key frequency, and none in a random one."""

from __future__ import annotations

import pytest
import torch

from ontogeny import registry

pytest.importorskip("ripser", reason="the extra topology is not installed")

P, KEYS, D = 31, (3, 7, 12), 24


def waves(noise: float, seed: int = 0) -> torch.Tensor:
    """(number, coordinate): the circles of three frequencies in planes of their own, and noise."""
    draw = torch.Generator().manual_seed(seed)
    turn = torch.linalg.qr(torch.randn(D, D, generator=draw, dtype=torch.float64))[0]
    t = torch.arange(P, dtype=torch.float64)
    rows = [
        f(2 * torch.pi * k * t / P) * (1 + i / 4) for i, k in enumerate(KEYS) for f in (torch.cos, torch.sin)
    ]
    return torch.stack(rows, 1) @ turn[: 2 * len(KEYS)] + noise * torch.randn(
        P, D, generator=draw, dtype=torch.float64
    )


class Embedded:
    """As much of a subject as the lens asks for."""

    def __init__(self, W_E: torch.Tensor) -> None:
        self.W_E, self.lead, self.period = W_E, tuple(W_E.shape[:-2]), P

    def site(self, role: str) -> torch.Tensor:
        return {"embedding": self.W_E}[role]


def look(W_E: torch.Tensor, **options):
    return registry.lenses["circles"].function(Embedded(W_E), **options)


def test_each_plane_of_a_key_frequency_holds_one_circle():
    found = look(waves(0.05))
    assert found["energy_share"].argsort(descending=True)[:3].sort().values.tolist() == sorted(KEYS)
    assert found["loops"][list(KEYS)].tolist() == [1, 1, 1]
    side = 1 - 2 * torch.sin(torch.tensor(torch.pi / P)) / 3**0.5  # of a regular polygon
    assert torch.allclose(found["longest"][list(KEYS)], side.double(), atol=0.12)
    assert (found["second"][list(KEYS)] < 0.1).all()
    others = [k for k in range(1, P // 2 + 1) if k not in KEYS]
    seen = found["longest"][others]
    assert int(seen.isfinite().sum()) == 3 and (found["loops"][others].nan_to_num() == 0).all()
    assert float(found["circles"]) == 3


def test_an_untrained_embedding_holds_none():
    """Of 20 random embeddings, each seen in its six strongest planes."""
    noise = torch.stack([torch.randn(P, D, generator=torch.Generator().manual_seed(s)) for s in range(20)])
    found = look(noise)
    assert found["circles"].shape == (20,) and float(found["circles"].mean()) < 0.3
    one = look(noise[4])
    assert torch.equal(found["longest"][4].nan_to_num(), one["longest"].nan_to_num())


def test_a_turned_scaled_or_shifted_embedding_holds_the_same():
    W_E = waves(0.05)
    turn = torch.linalg.qr(
        torch.randn(D, D, generator=torch.Generator().manual_seed(5), dtype=torch.float64)
    )[0]
    first, second = look(W_E), look(9 * W_E @ turn + 4)
    assert torch.allclose(first["longest"].nan_to_num(), second["longest"].nan_to_num(), atol=1e-4)
