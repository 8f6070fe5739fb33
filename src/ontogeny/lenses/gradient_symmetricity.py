"""Do both operands pull on an output in the same direction?"""

from __future__ import annotations

import torch
from torch import Tensor

from ontogeny.interventions.base import Fitted, compose
from ontogeny.lenses.base import Found, gives, lens
from ontogeny.numerics.circuits import cosine, sample, sampled_mean
from ontogeny.numerics.random import Key
from ontogeny.subject import Subject

AT_ONCE = 4096  # examples · models whose forward pass is kept for one pass backward


@lens(
    reads=("site:embedded", "outputs", "grid"),
    gives={
        "symmetricity": gives(long_name="gradient symmetricity, mean over {triples:,} triples (a, b, c)"),
        "standard_error": gives(long_name="standard error of the sample's mean"),
        "missing": gives(long_name="share of triples without a gradient"),
    },
    cost="moderate",
)
def gradient_symmetricity(model: Subject, *, samples: int = 1000, seed: int = 0) -> Found:
    """Does the network treat both operands alike: do they pull on an output in the same direction?

    Equation: mean over triples (a, b, c) of cos∠(∂Q_abc/∂E_a, ∂Q_abc/∂E_b), with Q_abc the logit of output c, any c and not the right
    one alone, at the input (a, b), and E_a, E_b the embedded operands at their two positions, before anything is added to
    them. ``samples`` triples, drawn without replacement by ``seed``, the same for all models; 0: all of them.

    Shapes: symmetricity, standard_error (), missing () = share of triples without a direction, because an output does not depend
    on an operand. Range −1 to 1; the error is of the sample, not of the seed of training. 1: the network sees
    the sum E_a + E_b alone, as *pizzas* do, which average the operands; the paper reports .99 for one. Products of the operands
    (*clocks*) are turned against one another: 0 on average for one frequency, .33 for the paper's.

    A high value misleads: a network that is built symmetric (uniform attention, an ``mlp`` that adds its positions up) has 1 whatever it
    learned, untrained included; compare with step 0. A low one is not a clock: any use of the operands apart from one another gives it. Read it with
    ``distance_irrelevance``, in a network that has learned the task.

    One-hot inputs are their own embedding: the gradient is then one number a token, and two operands are alike if the same change of
    either would move the output alike. Compare a network with itself over training, or with one embedded the same way.

    Errors: answers at every position.
    Source: Zhong, Liu, Tegmark & Andreas 2023, "The Clock and the Pizza", definition 4.1.
    """
    model.needs_one_answer()
    examples, outputs = model.outputs.shape[-2:]
    triples = sample(examples * outputs, samples, Key(seed, "gradient_symmetricity"))
    models = max(1, model.outputs[..., 0, 0].numel())
    alike = torch.cat(
        [
            cosine(*_pull(model, part // outputs, part % outputs)[..., :2, :].unbind(-2))
            for part in triples.split(max(1, AT_ONCE // models))
        ],
        -1,
    )
    mean, error = sampled_mean(alike, examples * outputs)
    return Found(
        symmetricity=mean,
        standard_error=error,
        missing=alike.isnan().double().mean(-1),
        attrs={"triples": len(triples)},
    )


def _pull(model: Subject, example: Tensor, output: Tensor) -> Tensor:
    """∂ logit of ``output`` / ∂ embedding, each at its own example of the probe: (*lead, sample, position, vector)."""
    tap, inputs = model.where("embedded"), model.probe.inputs[example.to(model.probe.inputs.device)]
    value = model.architecture.forward(model.weights, inputs, read=(tap,), edit=model.edit).taps[tap]
    nothing = torch.zeros_like(value).requires_grad_()
    nudge = Fitted(tap, lambda value, taps, held: value + held["nudge"], {"nudge": nothing})
    edit = compose(model.edit, nudge) if model.edit else nudge
    with torch.enable_grad():
        logits = model.architecture.forward(model.weights, inputs, edit=edit).outputs
        chosen = logits[..., torch.arange(len(inputs)), output]
        (gradient,) = torch.autograd.grad(chosen.sum(), nothing)
    return gradient
