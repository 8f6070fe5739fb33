"""Where attention looks, counted back from each term, and what finds the place."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch
from torch import Tensor

from ontogeny.interventions.base import Fitted, intervene
from ontogeny.lenses.base import Found, gives, lens
from ontogeny.numerics.random import Key
from ontogeny.subject import Subject

Change = Callable[[Tensor], Tensor]


@lens(
    reads=("tap:blocks.{layer}.attn.hook_pattern", "outputs", "sequences"),
    gives={
        "share": gives("head", "lag", long_name="mean attention"),
        "before": gives(long_name="largest mean attention of a head to the term before"),
        "accuracy": gives("condition", long_name="share of counted next terms that are right"),
    },
    cost="moderate",
)
def attention_by_lag(model: Subject, *, layer: int = 0, seed: int = 0) -> Found:
    """How many places back does each head look, and is the place found by where it is or by what stands there?

    Equation: share = mean of pattern[query n, key n − lag] over the starts and the counted places n that have that many before them.
    Queries and keys are then taken apart: q_n = place_n + rest, with place_n its mean over all starts. "places alone" leaves place_n;
    "terms alone" leaves what is over, with the mean of place_n over n added, so that a term is the same wherever it stands; "of another
    start" takes the whole pattern of a start drawn at random (``seed``); "evenly" looks at all terms so far alike.

    Shapes: share (head, lag), before (), accuracy (condition,). Units: shares. Accuracy that stays without the terms says that place
    suffices for this model, not that terms play no part in the untouched one. Errors: no such layer.
    """
    attn = f"blocks.{layer}.attn"
    pattern = model.tap(f"{attn}.hook_pattern")  # (…, example, head, query, key)
    n = pattern.shape[-1]
    counted = model.probe.mask if model.probe.mask is not None else torch.ones(n, dtype=torch.bool)
    queries = counted.nonzero().squeeze(-1)
    mean = pattern.mean(-4)  # (…, head, query, key)
    lags = range(int(queries[-1]) + 1)
    share = torch.stack([mean[..., (at := queries[queries >= lag]), at - lag].mean(-1) for lag in lags], -1)
    order = Key(seed, "attention_by_lag").permutation(pattern.shape[-4])
    so_far = torch.ones(n, n).tril()
    conditions: Mapping[str, Mapping[str, Change]] = {
        "full": {},
        "places alone": dict.fromkeys(("hook_q", "hook_k"), _places),
        "terms alone": dict.fromkeys(("hook_q", "hook_k"), _terms),
        "of another start": {"hook_pattern": lambda value: value.index_select(-4, order.to(value.device))},
        "evenly": {
            "hook_pattern": lambda value: (so_far / so_far.sum(-1, keepdim=True)).to(value).expand_as(value)
        },
    }
    accuracy = []
    for changes in conditions.values():
        edits = [Fitted(f"{attn}.{tap}", _alone(change)) for tap, change in changes.items()]
        right = intervene(model, *edits).outputs.argmax(-1) == model.probe.labels
        accuracy.append(right[..., queries].double().mean((-1, -2)))
    return Found(
        share=share,
        before=share[..., 1].amax(-1),
        accuracy=torch.stack(accuracy, -1),
        ticks={"lag": list(lags), "condition": list(conditions)},
    )


def _alone(change: Change) -> Callable[[Tensor, object, object], Tensor]:
    """As an intervention, which could also look at other taps and at what is held."""
    return lambda value, taps, held: change(value)


def _places(value: Tensor) -> Tensor:
    """(…, example, position, head, d_head): the same for every start."""
    return value.mean(-4, keepdim=True).expand_as(value)


def _terms(value: Tensor) -> Tensor:
    """The same for every place at which a term stands."""
    place = value.mean(-4, keepdim=True)
    return value - place + place.mean(-3, keepdim=True)
