"""When neurons settle on a frequency, and which frequencies come and go."""

from __future__ import annotations

import torch

from ontogeny.lenses.base import Found, gives, lens
from ontogeny.numerics.events import final_run
from ontogeny.numerics.map_correlation import spearman
from ontogeny.subject import Subject


@lens(
    reads=("lens:neuron_fourier(layer={layer})", "period"),
    gives={
        "commitment_step": gives("neuron", long_name="keeps its frequency from", units="step"),
        "order": gives(
            long_name="rank correlation over neurons of frequency and the step from which it is kept"
        ),
        "switches": gives("neuron", long_name="changes of dominant frequency"),
        "occupancy": gives("step", "frequency", long_name="share of neurons"),
        "transient": gives("frequency", long_name="transient frequency"),
        "absorbed": gives(
            long_name="share of the neurons of transient frequencies that end at one that stays"
        ),
        "moved": gives(
            "frequency",
            "frequency_other",
            long_name="share of a transient frequency's neurons by where they ended",
        ),
    },
    scope="trajectory",
)
def neuron_commitment(
    model: Subject, *, layer: int = -1, transient_peak: float = 0.05, transient_end: float = 0.1
) -> Found:
    """When does each neuron settle on its frequency, and which frequencies are tried and given up?

    Equation: occupancy[t, k] = share of neurons whose dominant frequency is k. A neuron's commitment step is the start of the
    final unbroken run of its dominant frequency; switches counts changes of it. A frequency is transient if its occupancy is ≥
    ``transient_peak`` at some step and < ``transient_end`` of that peak at the last. moved[j, k] = of the neurons at transient
    frequency j when it peaked, the share at k at the end; absorbed = the same over all of them, of those k that ``transient_peak`` of all neurons have at the
    last step. order = Spearman's correlation, over neurons, of the last dominant frequency
    with the commitment step: positive where low frequencies are settled first, "low" being a word of the labels, not of the function.

    Shapes: order (), NaN of a network whose neurons all keep one frequency; absorbed (), NaN where nothing is transient; commitment_step, switches (neuron,), NaN for a neuron that is dead at the end (step) or always (switches); occupancy
    (step, frequency); transient (frequency,) bool; moved (frequency, frequency_other), NaN rows for frequencies that are not
    transient. Units: steps, shares. At initialisation a dominant frequency is an argmax of noise, so early switches mean
    little; commitment before the share is high is luck as often as not.
    """
    dominant = model.result("neuron_fourier", "dominant_frequency").double()  # (step, neuron)
    steps = torch.tensor(model.steps, dtype=torch.float64)
    run = final_run(dominant.mT, steps)
    ticks = torch.arange(model.period // 2 + 1, device=dominant.device)
    at = dominant.unsqueeze(-1) == ticks  # (step, neuron, frequency)
    occupancy = at.double().mean(1)
    peak, when = occupancy.max(0)
    transient = (peak >= transient_peak) & (occupancy[-1] < transient_end * peak)
    members = at[when, :, ticks].double()  # (frequency, neuron) at its peak
    moved = (members @ at[-1].double()) / members.sum(-1, keepdim=True)
    stays = (occupancy[-1] >= transient_peak).double()
    leaving = members * transient[:, None]
    rule = f"≥ {transient_peak:.0%} of neurons once, < {transient_end:.0%} of that at the end"
    return Found(
        commitment_step=run.start,
        order=torch.tensor(
            spearman(dominant[-1].cpu().numpy(), run.start.cpu().numpy()), dtype=torch.float64
        ),
        switches=run.switches,
        occupancy=occupancy,
        transient=transient,
        absorbed=(leaving @ at[-1].double() @ stays).sum() / leaving.sum(),
        moved=torch.where(transient[:, None], moved, torch.nan),
        ticks={"step": list(model.steps)},
        of={"transient": {"rule": rule}},
    )
