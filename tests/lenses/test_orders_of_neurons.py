"""Orders are those of the last step, whichever step is looked at."""

import pytest
import torch

from ontogeny.lenses.neuron_order import neuron_order
from ontogeny.lenses.readout_order import readout_order
from ontogeny.subject import Subject


@pytest.fixture
def ended(random_subject):
    """A model that says of its last step what the test wants."""

    def of(lens: str, **said: list) -> Subject:
        subject = random_subject(0)
        subject.final_results = {lens: {name: torch.tensor(values) for name, values in said.items()}}
        return subject

    return of


def test_by_frequency_then_share_and_dead_ones_last(ended):
    nan = float("nan")
    model = ended(
        "neuron_fourier", dominant_frequency=[2.0, 1.0, nan, 1.0], dominant_share=[0.8, 0.9, nan, 0.95]
    )
    assert neuron_order(model)["order"].values.tolist() == [3, 1, 0, 2]


def test_by_what_is_written_without_the_constant(ended):
    model = ended("readout_spectrum", amplitude=[[9.0, 0.0, 2.0], [0.0, 1.0, 0.0], [0.0, 4.0, 0.0]])
    assert readout_order(model)["order"].values.tolist() == [2, 1, 0]
