"""Shapes as signatures: one code for one model, a population, or a stack of its steps."""

from __future__ import annotations

import pytest
import torch
from beartype import beartype
from jaxtyping import Float, Int, jaxtyped
from torch import Tensor

from ontogeny.models.bilinear import Bilinear
from ontogeny.models.transformer import Transformer
from ontogeny.numerics import bilinear, effective_rank, fourier, lookup, pca, spectra
from ontogeny.numerics.random import Key
from ontogeny.tasks.modular import ModularAddition

checked = jaxtyped(typechecker=beartype)
LEADS = [(), (3,), (2, 3)]


@checked
def interaction(
    W_l: Float[Tensor, "*lead d i"], W_r: Float[Tensor, "*lead d i"], W_p: Float[Tensor, "*lead o d"]
) -> Float[Tensor, "*lead o i i"]:
    return bilinear.interaction_matrices(W_l, W_r, W_p)


@checked
def eigenvalues(
    W_l: Float[Tensor, "*lead d i"], W_r: Float[Tensor, "*lead d i"], W_p: Float[Tensor, "*lead o d"]
) -> Float[Tensor, "*lead o n"]:
    return bilinear.eigenspectrum(W_l, W_r, W_p)


@checked
def frequencies(
    W_l: Float[Tensor, "*lead d i"], W_r: Float[Tensor, "*lead d i"], W_p: Float[Tensor, "*lead o d"], p: int
) -> Float[Tensor, "*lead o {p//2+1}"]:
    return bilinear.frequency_distribution(W_l, W_r, W_p, slice(0, p))


@checked
def rank(values: Float[Tensor, "*lead o n"]) -> Float[Tensor, "*lead o"]:
    return effective_rank.entropy_rank(values)


@checked
def basis(p: int) -> Float[Tensor, "{p} {p}"]:
    return fourier.fourier_basis(p)


@checked
def power(x: Float[Tensor, "*lead p"], p: int) -> Float[Tensor, "*lead {p//2+1}"]:
    return fourier.power_by_frequency(x)


@checked
def scores(x: Float[Tensor, "*lead sample feature"]) -> Float[Tensor, "*lead sample component"]:
    return pca.pca(x).scores


@checked
def singular(x: Float[Tensor, "*lead m n"]) -> Float[Tensor, "*lead k"]:
    return spectra.singular_values(x)


@checked
def shared(table: Float[Tensor, "*lead v d"], index: Int[Tensor, "b s"]) -> Float[Tensor, "*lead b s d"]:
    return lookup.rows(table, index)


@checked
def own(table: Float[Tensor, "*lead v d"], index: Int[Tensor, "*lead b s"]) -> Float[Tensor, "*lead b s d"]:
    return lookup.rows(table, index)


def stacked(lead: tuple[int, ...], *shape: int) -> Tensor:
    return torch.randn(*lead, *shape, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("lead", LEADS)
def test_numerics_keep_leading_axes(lead: tuple[int, ...]) -> None:
    p, d = 6, 4
    weights = stacked(lead, d, 2 * p), stacked(lead, d, 2 * p), stacked(lead, p, d)
    interaction(*weights)
    rank(eigenvalues(*weights))
    frequencies(*weights, p)
    power(stacked(lead, p), p)
    scores(stacked(lead, 7, 3))
    singular(stacked(lead, 5, 3))
    table = stacked(lead, 5, 3)
    shared(table, torch.tensor([[0, 1], [2, 3], [4, 4]]))
    if lead:
        own(table, torch.randint(0, 5, (*lead, 3, 2)))


@pytest.mark.parametrize("p", [2, 5, 8])
def test_the_basis_is_square(p: int) -> None:
    basis(p)


@checked
def outputs(
    logits: Float[Tensor, "*lead example output"], hidden: Float[Tensor, "*lead example unit"]
) -> tuple[int, ...]:
    return tuple(logits.shape)


@pytest.mark.parametrize("lead", LEADS)
def test_forward_passes_keep_leading_axes(lead: tuple[int, ...]) -> None:
    task = ModularAddition(p=5, equals=True)
    small = Transformer(n_heads=2, d_model=8, d_head=4, d_mlp=16)
    for architecture, tap in ((Bilinear(3), "hook_hidden"), (small, "last:blocks.0.mlp.hook_post")):
        one = architecture.init(task.signature, Key(0, "init"))
        weights = {name: w.expand(*lead, *w.shape).contiguous() for name, w in one.items()}
        said = architecture.forward(weights, task.probe().inputs, read=(tap,))
        assert outputs(said.outputs, said.taps[tap]) == (*lead, 25, 5)
