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
    for name in ("memorised", "grokked", "delay", "inflection", "below_peak", "slingshots"):
        assert math.isnan(found[name]), name


def test_phases_follow_their_rules():
    decades = [10.0**-k for k in range(6)]
    steps = (0, 10, 20, 30, 40, 50)
    performance = {
        "loss": curves([decades[0], decades[5], *[decades[5]] * 4], [1.0, 9.0, 9.0, 9.0, 0.5, 1e-3]),
        "accuracy": curves([0.0] * 6, [0.0] * 6),
    }
    measures = {
        "restricted_loss": curves([0.0] * 6, [1.0, 1.0, 0.1, 0.01, 1e-3, 1e-4]),  # two of four decades by 30
        "excluded_loss": curves([1.0, 1e-4, 1e-4, 1e-3, 0.1, 1.0], [0.0] * 6),  # half of the rise by 40
    }
    found = plain(learning_phases(run(steps, performance=performance, progress_measures=measures)))
    assert found["memorisation_ends"] == 10
    assert found["cleanup_starts"] == 40
    assert found["cleanup_ends"] == 50
    assert found["circuit_formation"] == 30
    flat = {name: torch.ones(6, 3, dtype=torch.float64) for name in measures}
    missing = plain(learning_phases(run(steps, performance=performance, progress_measures=flat)))
    assert math.isnan(missing["cleanup_starts"]) and math.isnan(missing["circuit_formation"])


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
