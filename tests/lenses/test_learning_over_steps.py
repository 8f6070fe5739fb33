"""Trajectory lenses on curves whose events are known."""

import math
from types import MappingProxyType

import torch

from ontogeny.axes import dataset
from ontogeny.lenses.learning_events import learning_events
from ontogeny.lenses.learning_phases import learning_phases
from ontogeny.lenses.neuron_commitment import neuron_commitment
from ontogeny.lenses.prediction_trace import prediction_trace
from ontogeny.models.bilinear import Bilinear
from ontogeny.numerics.random import Key
from ontogeny.objectives.cross_entropy import CrossEntropy
from ontogeny.subject import Subject
from ontogeny.tasks.modular import ModularAddition

STEPS = (0, 100, 200, 400, 800)
NAN = math.nan


def run(steps=STEPS, **results):
    """A run over steps, of which only the results of other lenses matter."""
    task = ModularAddition(p=3)
    split = {"train": torch.tensor([0, 1, 2]), "test": torch.tensor([3, 4, 5, 6, 7, 8])}
    weights = Bilinear(2).init(task.signature, Key(0, "init"))
    stacked = {name: w.expand(len(steps), *w.shape) for name, w in weights.items()}
    model = Subject(
        Bilinear(2),
        stacked,
        task.probe(),
        task.signature,
        CrossEntropy(),
        MappingProxyType(split),
        steps=steps,
    )
    model.results = results
    return model


def curves(train, test):
    return torch.tensor([train, test, test], dtype=torch.float64).mT


def plain(found):
    return {name: one.item() for name, one in dataset(found).items()}


def test_events_of_a_run_that_groks():
    found = plain(
        learning_events(
            run(
                performance={
                    "loss": curves([4.0, 0.1, 1e-4, 1e-2, 1e-5], [4.0, 10.0, 8.0, 0.5, 0.6]),
                    "accuracy": curves([0.1, 0.99, 1.0, 1.0, 1.0], [0.1, 0.99, 0.5, 0.995, 1.0]),
                }
            )
        )
    )
    assert found["memorised"] == 100 and found["grokked"] == 400 and found["delay"] == 300
    assert found["memorised_nats"] == 200 and math.isnan(found["grokked_nats"])  # .6 nats are left
    assert found["inflection"] == 300 and found["below_peak"] == 400
    assert math.isclose(found["rebound"], 0.1, rel_tol=1e-9)
    assert found["slingshots"] == 1


def test_events_that_did_not_happen_are_missing():
    found = plain(
        learning_events(
            run(
                performance={
                    "loss": curves([4.0, 3.9, 3.8, 3.7, 3.6], [4.0, 4.1, 4.2, 4.3, 4.4]),
                    "accuracy": curves([0.1] * 5, [0.1] * 5),
                }
            )
        )
    )
    for name in (
        "memorised",
        "grokked",
        "memorised_nats",
        "grokked_nats",
        "delay",
        "inflection",
        "below_peak",
        "slingshots",
    ):
        assert math.isnan(found[name]), name


def phases(performance, measures, steps=(0, 10, 20, 30, 40, 50)):
    model = run(steps, performance=performance, progress_measures=measures)
    model.results = {**model.results, "learning_events": values(learning_events(model))}
    return plain(learning_phases(model))


def values(found):
    return {name: one.values for name, one in found.items()}


NOTHING = [0.0] * 6
PERFORMANCE = {
    "loss": curves([1.0, 1e-5, 1e-5, 1e-5, 1e-5, 1e-5], [1.0, 9.0, 9.0, 0.5, 0.4, 1e-3]),
    "accuracy": curves([0.3, 0.5, 1.0, 1.0, 1.0, 1.0], [0.3, 0.2, 0.3, 0.4, 0.9, 1.0]),
}
MEASURES = {
    "restricted_loss": curves(NOTHING, [1.0, 1.0, 0.1, 0.01, 1e-3, 1e-4]),  # two of four decades by 30
    "excluded_loss": curves([1.0, 1e-4, 1e-4, 0.6, 0.7, 1.0], NOTHING),  # half of the rise by 30
    "restricted_accuracy": curves(NOTHING, [0.3, 0.3, 0.4, 0.4, 0.9, 1.0]),
    "excluded_accuracy": curves([0.3, 1.0, 1.0, 1.0, 0.6, 0.4], NOTHING),
}


def test_phases_follow_their_rules():
    found = phases(PERFORMANCE, MEASURES)  # three classes: guessing costs 1.10 nats
    expected = {
        "": (10, 30, 30, 50, 50),
        "_nats": (10, 20, 30, 30, 50),
        "_accuracy": (20, 40, 50, 40, 50),
    }
    for end, (memorised, restricted, excluded, held_out, cleaned) in expected.items():
        assert found[f"memorisation_ends{end}"] == memorised
        assert found[f"restricted_falls{end}"] == restricted
        assert found[f"excluded_rises{end}"] == excluded
        assert found[f"held_out_falls{end}"] == held_out
        assert found[f"cleanup_starts{end}"] == max(memorised, restricted, excluded)
        assert found[f"cleanup_ends{end}"] == cleaned
        assert found[f"circuit_formation{end}"] == max(restricted, excluded) - memorised
        assert found[f"lead{end}"] == held_out - restricted
    assert found["lead_strictest"] == 0  # 20 by log-fall, 10 by nats, none by accuracy


def test_a_lower_floor_moves_the_log_falls_alone():
    deep = {**PERFORMANCE, "loss": PERFORMANCE["loss"].clone()}
    deep["loss"][-1, 0] = 1e-12  # memorised as before, and then on and on
    shallow, found = phases(PERFORMANCE, MEASURES), phases(deep, MEASURES)
    assert found["memorisation_ends"] == 50 > shallow["memorisation_ends"]
    absolute = [name for name in found if name.endswith(("_nats", "_accuracy"))]
    assert len(absolute) == 16 and all(found[name] == shallow[name] for name in absolute)


def test_a_circuit_that_does_not_form_is_missing_and_so_is_its_lead():
    flat = {name: torch.ones(6, 3, dtype=torch.float64) for name in MEASURES}
    flat["restricted_accuracy"] *= 0.3
    found = phases(PERFORMANCE, flat)
    for name in ("restricted_falls", "cleanup_starts", "circuit_formation", "lead"):
        assert all(math.isnan(found[f"{name}{end}"]) for end in ("", "_accuracy")), name
    assert math.isnan(found["lead_strictest"])


def test_of_a_run_that_never_groks_clean_up_and_held_out_events_are_missing():
    performance = {**PERFORMANCE, "accuracy": PERFORMANCE["accuracy"].clone()}
    performance["accuracy"][-1, 1] = 0.9  # its loss falls all the same
    found = phases(performance, MEASURES)
    for end in ("", "_nats", "_accuracy"):
        for name in ("cleanup_starts", "cleanup_ends", "held_out_falls", "lead", "circuit_formation"):
            assert math.isnan(found[f"{name}{end}"]), name + end
        assert not math.isnan(found[f"memorisation_ends{end}"])
        assert not math.isnan(found[f"restricted_falls{end}"])
    assert math.isnan(found["lead_strictest"])


def test_neurons_commit_switch_and_abandon_a_transient_frequency():
    dominant = torch.tensor(
        [
            [1.0, 2.0, 2.0, NAN],
            [1.0, 1.0, 2.0, NAN],
            [1.0, 1.0, 3.0, NAN],
            [1.0, 3.0, 3.0, NAN],
            [1.0, 3.0, 3.0, NAN],
        ]
    )
    model = run(neuron_fourier={"dominant_frequency": dominant})
    model.probe = ModularAddition(p=7).probe()
    found = dataset(neuron_commitment(model))
    assert found.commitment_step.fillna(-1).values.tolist() == [0, 400, 200, -1]
    assert found.switches.fillna(-1).values.tolist() == [0, 2, 1, -1]
    assert found.occupancy.values[0].tolist() == [0, 0.25, 0.5, 0]
    assert found.transient.values.tolist() == [False, False, True, False]
    assert found.moved.values[2].tolist() == [0, 0, 0, 1]
    assert found.moved.isel(frequency=1).isnull().all()
    assert found.absorbed.item() == 1 and math.isclose(found.order.item(), math.sqrt(3) / 2)


def test_prediction_trace_parts_trained_from_held_out():
    right = torch.zeros(5, 9, dtype=torch.bool)
    right[1:, :3] = True  # the three training inputs from step 100 on
    right[3:, 3:7] = True  # four of six held-out inputs from step 400 on
    right[[0, 2, 4], 7] = True  # one that comes and goes: right at 0, 200 and again at the end
    trained = torch.zeros(5, 3, 3, dtype=torch.bool)
    trained[:, 0] = True
    predictions = {
        "right": right.reshape(5, 3, 3),
        "confidence": torch.rand(5, 3, 3, generator=torch.Generator().manual_seed(0)),
        "trained_on": trained,
    }
    found = dataset(prediction_trace(run(predictions=predictions)))
    expected = [100] * 3 + [400] * 4 + [800, -1]
    assert found.learned_step.fillna(-1).values.reshape(-1).tolist() == expected
    assert found.relapses.values.reshape(-1).tolist() == [0] * 7 + [2, 0]
    assert found.median_step.values.tolist() == [100, 400]
    assert math.isclose(found.learned.sel(split="test").item(), 5 / 6)
    assert found.spread.sel(split="train").item() == 0
    assert (found.confidence.values == predictions["confidence"][-1].numpy()).all()
