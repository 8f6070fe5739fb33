"""Where memorisation, circuit formation and clean-up begin and end, by rule."""

from __future__ import annotations

import torch

from ontogeny.axes import Labelled, array
from ontogeny.lenses.base import lens
from ontogeny.numerics.events import log_fall
from ontogeny.subject import Subject


@lens(reads=("lens:performance", "lens:progress_measures", "split"), scope="trajectory")
def learning_phases(
    model: Subject,
    *,
    memorised: float = 0.9,
    restricted: float = 0.5,
    excluded: float = 0.5,
    cleaned: float = 0.99,
) -> dict[str, Labelled]:
    """Where do memorisation, circuit formation and clean-up begin and end?

    Equation, all in logarithms of the loss, "fall" being from the maximum to the later minimum: memorisation ends when the
    training loss has made ``memorised`` of its fall. Clean-up starts at the first step by which the restricted loss (held out)
    has made ``restricted`` of its fall and the excluded loss (training) stands ``excluded`` of the way from its minimum to its
    later maximum, memorisation being over; circuit formation is what lies between. Clean-up ends when the held-out loss has
    made ``cleaned`` of its fall. Beside the borders stand the steps at which single losses have made half of their way
    (``restricted``, ``excluded`` and .5 of it): restricted_falls, excluded_rises, held_out_falls, with lead = held_out_falls −
    restricted_falls, by which the circuit is ahead of what shows.

    Shapes: memorisation_ends, cleanup_starts, cleanup_ends, circuit_formation (its length), restricted_falls, excluded_rises,
    held_out_falls, lead, (). Units: steps, NaN where a phase
    was not reached. A circuit_formation of 0 says that the circuit stood before memorisation, by its rule, was over. The
    fractions are conventions; with other fractions the borders move and the order should not. A run without grokking can still
    "fall" a little and have borders: read them with ``grokked``. Source: the phases are Nanda et al.'s (2023, section 5.2), who
    set them by eye.
    """
    steps = torch.tensor(model.steps, dtype=torch.float64)
    loss = model.result("performance", "loss").double()
    restricted_loss = model.result("progress_measures", "restricted_loss")[:, 1].double()
    excluded_loss = model.result("progress_measures", "excluded_loss")[:, 0].double()
    memorisation_ends = log_fall(loss[:, 0], memorised, steps)
    cleanup_ends = log_fall(loss[:, 1], cleaned, steps)
    restricted_falls = log_fall(restricted_loss, restricted, steps)
    excluded_rises = log_fall(1 / excluded_loss, excluded, steps)
    held_out_falls = log_fall(loss[:, 1], 0.5, steps)
    cleanup_starts = torch.maximum(torch.maximum(restricted_falls, excluded_rises), memorisation_ends)
    rules = {
        "memorisation_ends": (memorisation_ends, f"training loss has made {memorised:.0%} of its log-fall"),
        "cleanup_starts": (
            cleanup_starts,
            f"restricted loss has made {restricted:.0%} of its log-fall and excluded loss {excluded:.0%} of its log-rise, "
            "memorisation being over",
        ),
        "cleanup_ends": (cleanup_ends, f"held-out loss has made {cleaned:.0%} of its log-fall"),
        "restricted_falls": (restricted_falls, f"restricted loss has made {restricted:.0%} of its log-fall"),
        "excluded_rises": (excluded_rises, f"excluded loss has made {excluded:.0%} of its log-rise"),
        "held_out_falls": (held_out_falls, "held-out loss has made 50% of its log-fall"),
        "lead": (held_out_falls - restricted_falls, "held_out_falls − restricted_falls"),
        "circuit_formation": (cleanup_starts - memorisation_ends, "from memorisation_ends to cleanup_starts"),
    }
    return {
        name: array(step, long_name=name.replace("_", " "), units="step", rule=rule)
        for name, (step, rule) in rules.items()
    }
