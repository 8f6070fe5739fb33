"""At which scale maps over (a, b) vary, and whether that is the map or its labels."""

from __future__ import annotations

from itertools import product

import torch
from torch import Tensor

from ontogeny.lenses.base import Found, gives, lens
from ontogeny.numerics.correlation import pearson
from ontogeny.numerics.fourier2d import block_energy, centred_energy, harmonics_2d
from ontogeny.numerics.scale import (
    alias,
    band,
    both_ways,
    by_frequencies,
    coarse,
    grow,
    relabellings,
    shrink,
    steepness,
)
from ontogeny.subject import Subject

SMALL, DRAWN = 14, 28  # points a side of the small maps


@lens(
    reads=("tap:{tap}", "grid", "period"),
    gives={
        "low_share": gives("…", long_name="share of the map's variance at low frequencies"),
        "low_share_relabelled": gives("…", long_name="the same, mean over relabellings of the numbers"),
        "low_share_place": gives(
            "…", long_name="share of relabellings with at least as much at low frequencies"
        ),
        "coarseness": gives("…", long_name="share of the map's variance at frequencies 1 to {coarsest}"),
        "coarseness_relabelled": gives("…", long_name="the same, mean over relabellings of the numbers"),
        "coarseness_place": gives("…", long_name="share of relabellings that are at least as coarse"),
        "gradient": gives(
            "…", long_name="mean slope of the map scaled to unit range", units="range per step"
        ),
        "gradient_raw": gives("…", long_name="mean slope of the map"),
        "kept_14": gives("…", long_name="share of the map's variance that a 14 × 14 map keeps"),
        "kept_14_bilinear": gives(
            "…", long_name="variance of the 14 × 14 map without antialiasing, over the map's"
        ),
        "moire_28": gives("…", long_name="share of a plainly sampled 28 × 28 map's variance that is alias"),
        "alias_14": gives(
            "…", long_name="frequency that the strongest wave seems to have at 14 × 14", units="cycles"
        ),
        "alias_28": gives(
            "…", long_name="frequency that the strongest wave seems to have at 28 × 28", units="cycles"
        ),
        "share_and_gradient": gives(long_name="correlation of low-frequency share and gradient over maps"),
    },
    cost="moderate",
    keep=False,
)
def map_scale(model: Subject, *, tap: str = "neurons[-1]", radius: float = 0.125, coarsest: int = 3) -> Found:
    """Are maps over (a, b) coarse or fine, and would they be under other names of the numbers?

    Equation: with C the 2-D Fourier coefficients of a map m without its constant, ``low_share`` = Σ C² over √(j² + k²) ≤ ``radius`` · p,
    over Σ C². ``coarseness`` = shares of the blocks {1, cos k, sin k}², k = 1 … ``coarsest``. Their null: multiplying all numbers by
    a unit u of Z_p permutes frequencies and leaves the function as it is, so both are taken again for every u (u and −u being one);
    ``…_relabelled`` is the mean, ``…_place`` the share of relabellings that have at least as much, its own among them.
    ``gradient`` = mean of |∂a m| and |∂b m| (forward differences) over max m − min m; ``gradient_raw`` without that.
    ``kept_14`` = 1 − ‖m − up(down m)‖² / ‖m − mean‖², down antialiased; ``kept_14_bilinear`` = var(up(down m)) / var m without
    antialiasing, as published. ``moire_28``: of a map sampled at 28 × 28 without antialiasing, ‖sampled h‖² / (‖sampled l‖² + ‖sampled h‖²)
    with l the part of m below 14 cycles along both axes, which 28 points can hold, and h the rest. ``alias_n`` = |k − n round(k / n)| for
    the frequency k of the largest block. Tables narrower than a small map are kept as they are.

    Shapes: one number a map, on the axes of the tap; share_and_gradient () is Pearson's correlation over maps that vary. Constant maps: NaN.
    Range: shares [0, 1], kept_14 (−∞, 1]; kept_14_bilinear reads high where fine waves reappear as coarse ones. It misleads: "low",
    "coarse" and "blob" are properties of the labels; only a small place says that the network's labels are special.
    Source: bilinear form and gradient as used for attention maps; coarseness as the neighbour's.
    """
    value, axes = model.tap(tap), model.axes_of(tap)[1:]
    maps = model.on_grid(value, example_axis=len(model.lead))
    own = maps.shape[len(model.lead) + 2 :]
    maps = maps.flatten(len(model.lead) + 2)
    maps = maps - maps.mean((-3, -2), keepdim=True)
    p = maps.shape[-2]
    power = harmonics_2d(maps).square_()
    total = centred_energy(power)
    varies = total > 0
    blocks, pairs = block_energy(power), by_frequencies(power)
    to = relabellings(p).to(maps.device)
    low = (coarse(p, radius)[to[:, :, None], to[:, None, :]]).to(maps)  # (unit, frequency, frequency)
    first = ((to > 0) & (to <= coarsest)).to(maps)  # (unit, frequency)

    def share(of: Tensor) -> Tensor:
        return torch.where(varies, of / total, torch.nan)

    low_shares = torch.einsum("ujk,...jkm->u...m", low, pairs)
    coarse_shares = torch.einsum("uk,...km->u...m", first, blocks)
    reach = maps.amax((-3, -2)) - maps.amin((-3, -2))
    raw = steepness(maps)
    gradient = torch.where(varies, raw / reach, torch.nan)
    dominant = blocks.argmax(-2).to(maps)
    small, drawn = min(SMALL, p), min(DRAWN, p)
    low_share = share(low_shares[0])
    found = {
        "low_share": low_share,
        "low_share_relabelled": share(low_shares.mean(0)),
        "low_share_place": torch.where(varies, _place(low_shares, total), torch.nan),
        "coarseness": share(coarse_shares[0]),
        "coarseness_relabelled": share(coarse_shares.mean(0)),
        "coarseness_place": torch.where(varies, _place(coarse_shares, total), torch.nan),
        "gradient": gradient,
        "gradient_raw": raw,
        "kept_14": share(_kept(maps, total, small)),
        "kept_14_bilinear": share(_sampled(maps, small)),
        "moire_28": torch.where(varies, _moire(maps, drawn), torch.nan),
        "alias_14": torch.where(varies, alias(dominant, small), torch.nan),
        "alias_28": torch.where(varies, alias(dominant, drawn), torch.nan),
    }
    shaped = {name: one.unflatten(-1, own) for name, one in found.items()}
    return Found(
        shaped,
        share_and_gradient=_over_maps(low_share, gradient),
        attrs={"tap": tap, "radius": radius},
        of={name: {"axes": axes} for name in shaped},
    )


def _place(energies: Tensor, total: Tensor) -> Tensor:
    """The share of relabellings with at least what the first has, up to rounding."""
    return (energies >= energies[0] - 1e-6 * total).to(energies).mean(0)


def _kept(maps: Tensor, total: Tensor, size: int) -> Tensor:
    """‖m‖² − ‖m − U d Uᵀ‖² for the antialiased small map d, from what is small: 2⟨Uᵀ m U, d⟩ − ⟨(UᵀU) d (UᵀU), d⟩."""
    p = maps.shape[-2]
    up = grow(size, p)
    d = both_ways(shrink(p, size, True), maps)
    e = both_ways(up.mT, maps)
    return (2 * e * d - both_ways(up.mT @ up, d) * d).sum((-3, -2))


def _sampled(maps: Tensor, size: int) -> Tensor:
    """p² var(U d Uᵀ) for the plainly sampled small map d: ⟨(UᵀU) d (UᵀU), d⟩ − (1ᵀ U d Uᵀ 1)² / p²."""
    p = maps.shape[-2]
    up = grow(size, p)
    d = both_ways(shrink(p, size, False), maps)
    squares = (both_ways(up.mT @ up, d) * d).sum((-3, -2))
    sums = both_ways(up.sum(0, keepdim=True), d)[..., 0, 0, :]
    return squares - sums.square() / p**2


def _moire(maps: Tensor, size: int) -> Tensor:
    """Share of a plainly sampled map's energy that comes from waves too fine for it."""
    p = maps.shape[-2]
    S = shrink(p, size, False)
    whole, held = both_ways(S, maps), both_ways(S @ band(p, size), maps)
    fine, low = (
        (one - one.mean((-3, -2), keepdim=True)).square().sum((-3, -2)) for one in (whole - held, held)
    )
    return fine / (fine + low)


def _over_maps(x: Tensor, y: Tensor) -> Tensor:
    """Pearson's correlation over maps that have both numbers, model by model."""
    out = x.new_full(x.shape[:-1], torch.nan)
    for at in product(*map(range, out.shape)):
        u, v = x[at], y[at]
        known = u.isfinite() & v.isfinite()
        if known.sum() > 2:
            out[at] = pearson(u[known].unsqueeze(-1), v[known].unsqueeze(-1)).squeeze()
    return out
