"""Where memorisation, circuit formation and clean-up begin and end, by three rules."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from ontogeny.lenses.base import ANY, Found, gives, lens
from ontogeny.numerics.events import first, log_fall
from ontogeny.subject import Subject


@dataclass(frozen=True)
class Rule:
    """What one rule says of a run: a step () for each event, and in words what it took for one."""

    suffix: str
    memorisation_ends: tuple[Tensor, str]
    restricted_falls: tuple[Tensor, str]
    excluded_rises: tuple[Tensor, str]
    held_out_falls: tuple[Tensor, str]
    cleanup_ends: tuple[Tensor, str]

    def borders(self, grokked: Tensor) -> dict[str, tuple[Tensor, str]]:
        """All events and what follows from them; of a run that never groks, what held-out inputs are in is missing."""
        memorised, restricted = self.memorisation_ends[0], self.restricted_falls[0]
        cleanup = torch.maximum(torch.maximum(restricted, self.excluded_rises[0]), memorised)
        held_out, words = self.held_out_falls
        presuppose = {
            "cleanup_starts": (
                cleanup,
                f"{self.restricted_falls[1]} and {self.excluded_rises[1]}, memorisation being over",
            ),
            "cleanup_ends": self.cleanup_ends,
            "held_out_falls": (held_out, words),
            "lead": (held_out - restricted, f"from “{self.restricted_falls[1]}” to “{words}”"),
            "circuit_formation": (cleanup - memorised, "from memorisation_ends to cleanup_starts"),
        }
        return {
            "memorisation_ends": self.memorisation_ends,
            "restricted_falls": self.restricted_falls,
            "excluded_rises": self.excluded_rises,
            **{n: (torch.where(grokked.isnan(), torch.nan, s), r) for n, (s, r) in presuppose.items()},
        }


@lens(
    reads=("lens:performance", "lens:progress_measures", "lens:learning_events", "split"),
    gives={
        "lead_strictest": gives(long_name="lead strictest", units="step"),
        ANY: gives(long_name="{name}", units="step"),
    },
    scope="trajectory",
)
def learning_phases(
    model: Subject,
    *,
    memorised: float = 0.9,
    restricted: float = 0.5,
    excluded: float = 0.5,
    cleaned: float = 0.99,
    half: float = 0.5,
) -> Found:
    """Where do memorisation, circuit formation and clean-up begin and end?

    Equation: five events, each by three rules. *Log-fall* (no suffix): the training loss has made ``memorised``, the restricted loss (held
    out) ``restricted``, the held-out loss .5 and then ``cleaned`` of the fall of its logarithm from its maximum to its later
    minimum; the excluded loss (training) stands ``excluded`` of the way from its minimum to its later maximum. *Nats*
    (``_nats``): the restricted and the held-out loss are below ``half`` of ln(outputs), what guessing costs; the excluded loss is above
    it, memorisation being over. *Accuracy* (``_accuracy``): the same of the share that is right, with ``half`` for the border. Memorisation ends and
    clean-up ends there where ``learning_events`` says that the training set is memorised and that the run groks, by loss and by accuracy.

    Clean-up starts when restricted loss has fallen, excluded loss has risen and memorisation is over; circuit formation is what
    lies between memorisation and it. lead = held_out_falls − restricted_falls, by which the circuit is ahead of what shows, both by
    one rule; lead_strictest is the smallest of the three, missing where a rule has none.

    Shapes: each (). Units: steps, at the resolution of the checkpoints; NaN where an event did not happen. Of a run that never groks
    (held-out accuracy) the events of held-out inputs and the clean-up are missing. A circuit_formation of 0 says that the circuit
    stood before memorisation, by its rule, was over. Log-falls are set by the floor of a loss: one that goes on from 1e−4 to 1e−7
    nats moves memorisation_ends long after every answer is right. Nats and accuracy depend on no floor, but on a threshold. What holds by
    one rule alone is not known. Source: the phases are Nanda et al.'s (2023, section 5.2), who set them by eye.
    """
    steps = torch.tensor(model.steps, dtype=torch.float64)

    def of(lens: str, variable: str, part: int) -> Tensor:
        return model.result(lens, variable)[:, part].double()

    def event(name: str) -> Tensor:
        return model.result("learning_events", name).double()

    loss, right = (of("performance", name, 1) for name in ("loss", "accuracy"))
    restricted_loss, restricted_right = (
        of("progress_measures", f"restricted_{x}", 1) for x in ("loss", "accuracy")
    )
    excluded_loss, excluded_right = (
        of("progress_measures", f"excluded_{x}", 0) for x in ("loss", "accuracy")
    )
    grokked, nats = event("grokked"), half * math.log(model.signature.outputs)
    rules = (
        Rule(
            "",
            (log_fall(of("performance", "loss", 0), memorised, steps), _fallen("training", memorised)),
            (log_fall(restricted_loss, restricted, steps), _fallen("restricted", restricted)),
            (
                log_fall(1 / excluded_loss, excluded, steps),
                f"excluded loss has made {excluded:.0%} of its log-rise",
            ),
            (log_fall(loss, 0.5, steps), _fallen("held-out", 0.5)),
            (log_fall(loss, cleaned, steps), _fallen("held-out", cleaned)),
        ),
        Rule(
            "_nats",
            (memorised_nats := event("memorised_nats"), "memorised, by loss"),
            (first(restricted_loss < nats, steps), f"restricted loss is below {nats:.2f} nats"),
            (
                first((excluded_loss > nats) & (steps >= memorised_nats), steps),
                f"excluded loss is above {nats:.2f} nats",
            ),
            (first(loss < nats, steps), f"held-out loss is below {nats:.2f} nats"),
            (event("grokked_nats"), "grokked, by loss"),
        ),
        Rule(
            "_accuracy",
            (memorised_right := event("memorised"), "memorised, by accuracy"),
            (
                first(restricted_right >= half, steps),
                f"the key frequencies alone get {half:.0%} of held-out inputs right",
            ),
            (
                first((excluded_right < half) & (steps >= memorised_right), steps),
                f"without the key frequencies less than {half:.0%} of training inputs are right",
            ),
            (first(right >= half, steps), f"{half:.0%} of held-out inputs are right"),
            (grokked, "grokked, by accuracy"),
        ),
    )
    found = {f"{name}{r.suffix}": said for r in rules for name, said in r.borders(grokked).items()}
    leads = torch.stack([found[f"lead{r.suffix}"][0] for r in rules])
    found["lead_strictest"] = (leads.amin(), "the smallest of the leads by log-fall, by nats and by accuracy")
    return Found(
        {name: step for name, (step, _) in found.items()},
        of={name: {"rule": rule} for name, (_, rule) in found.items()},
    )


def _fallen(which: str, fraction: float) -> str:
    return f"{which} loss has made {fraction:.0%} of its log-fall"
