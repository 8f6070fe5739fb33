"""Work that is shared out finds every thread in the same state, whatever a library did to the process."""

import pytest
import torch

from ontogeny.numerics.cores import one_core_each


@pytest.fixture
def flushing():
    if not torch.set_flush_denormal(True):
        pytest.skip("this processor keeps small numbers whatever is asked")
    yield
    torch.set_flush_denormal(False)


def halved(_):
    return (torch.full((1,), 1e-38) * 0.5).item()


def test_numbers_below_the_normal_range_are_kept(flushing):
    assert halved(0) == 0
    with one_core_each() as share:
        assert all(value > 0 for value in share(halved, range(8)))
    assert halved(0) == 0, "the caller's own setting is his again"
