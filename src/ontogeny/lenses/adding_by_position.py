"""Whether one circuit adds at every place of a sequence."""

from __future__ import annotations

import torch
from torch import Tensor

from ontogeny.errors import UserError
from ontogeny.interventions.base import Fitted, intervene
from ontogeny.lenses.base import Found, gives, lens
from ontogeny.numerics.fourier import power_by_frequency
from ontogeny.numerics.fourier2d import block_share
from ontogeny.subject import Subject


@lens(
    reads=(
        "tap:blocks.{layer}.hook_resid_mid",
        "tap:blocks.{layer}.mlp.hook_post",
        "outputs",
        "sequences",
        "grid",
        "period",
    ),
    gives={
        "of_the_sum": gives("position", long_name="share of the logits that depends on a + b − c alone"),
        "one_frequency": gives("position", long_name="mean share of a neuron's variance at one frequency"),
        "spectrum": gives("frequency", "position", long_name="share of the answer's energy"),
        "frequencies": gives(
            "position", long_name="number of frequencies with a tenth of the answer's energy"
        ),
        "alike": gives("position", long_name="cosine of the spectrum with that behind two terms"),
        "transplanted": gives("position", long_name="accuracy with what two terms alone were made into"),
        "control": gives("position", long_name="accuracy with what 2a and b were made into"),
    },
    cost="moderate",
)
def adding_by_position(model: Subject, *, layer: int = 0) -> Found:
    """Behind every place, are the last two terms a, b added by waves, by the same ones, and by the same circuit as behind the first two?

    Equation: at each place starts are sorted by the two terms before it, so that logits are L(a, b, c), each about its mean over c. With
    g(r) their mean over a + b − c = r: of_the_sum = p² Σ g² / Σ L²; spectrum = energy of g by frequency, shares; alike = their cosine with
    the spectrum at the second place. one_frequency: largest share of a neuron's variance over (a, b) in a frequency block, mean over
    neurons that vary. transplanted: the residual stream in front of the neurons is replaced, at each place, by that of the sequence
    which begins with a, b, at its second place; control: by that of the sequence which begins with 2a, b.

    Shapes: (position,), spectrum (frequency, position); places with one term before them are NaN. Units: shares. At the second place
    itself the transplant changes nothing. A place may add by the same waves in another circuit: then alike is 1 and transplanted low.
    Errors: a grid that is not p × p; a sequence whose pairs do not run through all p².
    """
    p, labels = model.period, model.probe.labels
    terms = model.probe.inputs
    n = labels.shape[-1]
    if list(model.probe.grid.values()) != [p, p]:
        raise UserError(f"The starts are {dict(model.probe.grid)}; this lens needs all pairs of {p} numbers.")
    pairs = terms[:, :-1] * p + terms[:, 1:]  # (example, position from the second on)
    mid = f"blocks.{layer}.hook_resid_mid"
    post = model.tap(f"blocks.{layer}.mlp.hook_post")
    logits = (model.outputs - model.outputs.mean(-1, keepdim=True)).double()
    number = torch.arange(p)
    answers = (
        number[:, None, None] + number[:, None] - number
    ) % p  # (a, b, r): the output c at which a + b − c = r
    found: dict[str, list[Tensor]] = {name: [] for name in ("of_the_sum", "one_frequency", "spectrum")}
    for place in range(1, n):
        order = pairs[:, place - 1].argsort()
        by_pair = logits[..., order, place, :].unflatten(-2, (p, p))  # (…, a, b, c)
        g = by_pair.gather(-1, answers.expand_as(by_pair)).mean((-3, -2))
        power = power_by_frequency(g)
        found["of_the_sum"].append(p**2 * g.square().sum(-1) / by_pair.square().sum((-3, -2, -1)))
        found["spectrum"].append(power / power.sum(-1, keepdim=True))
        maps = post[..., order, place, :].unflatten(-2, (p, p))
        found["one_frequency"].append(block_share(maps).amax(-2).nanmean(-1))
    values = {name: torch.stack([torch.full_like(of[0], torch.nan), *of], -1) for name, of in found.items()}
    spectrum = values["spectrum"]
    accuracy = {}
    for name, factor in (("transplanted", 1), ("control", 2)):
        start = factor * terms[:, :-1] % p * p + terms[:, 1:]

        def act(value: Tensor, taps: object, held: object, start: Tensor = start) -> Tensor:
            two = value.select(-2, 1)[..., start, :]  # (…, example, position from the second on, d_model)
            return torch.cat([value[..., :1, :], two], -2)

        right = intervene(model, Fitted(mid, act)).outputs.argmax(-1) == labels
        accuracy[name] = right.double().mean(-2)
        accuracy[name][..., 0] = torch.nan
    return Found(
        values,
        frequencies=torch.where(spectrum[..., 0, :].isnan(), torch.nan, (spectrum >= 0.1).sum(-2).double()),
        alike=torch.nn.functional.cosine_similarity(spectrum, spectrum[..., 1:2], dim=-2),
        transplanted=accuracy["transplanted"],
        control=accuracy["control"],
        ticks={"position": range(1, n + 1), "frequency": range(p // 2 + 1)},
    )
