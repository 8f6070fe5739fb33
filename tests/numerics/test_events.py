import math

import torch

from ontogeny.numerics.events import below_peak, final_run, first, lasting, log_fall, steepest_log_fall
from ontogeny.numerics.selection import above_mean, elbow

STEPS = torch.tensor([0.0, 10, 20, 40, 80], dtype=torch.float64)


def curve(*values):
    return torch.tensor(values, dtype=torch.float64)


def test_first_and_lasting_differ_by_relapses_and_missing_is_nan():
    accuracy = torch.stack([curve(0, 1, 0, 1, 1), curve(0, 0, 0, 0, 0), curve(1, 1, 1, 1, 0)])
    assert first(accuracy >= 0.99, STEPS).nan_to_num(-1).tolist() == [10, -1, 0]
    assert lasting(accuracy >= 0.99, STEPS).nan_to_num(-1).tolist() == [40, -1, -1]


def test_log_fall_counts_from_the_peak():
    loss = curve(1, 10, 1, 0.1, 0.01)  # three decades down from the peak at step 10
    assert log_fall(loss, 0.3, STEPS) == 20
    assert log_fall(loss, 0.6, STEPS) == 40
    assert log_fall(loss, 1.0, STEPS) == 80
    assert math.isnan(log_fall(curve(1, 2, 3, 4, 5), 0.9, STEPS))


def test_steepest_log_fall_is_per_step_and_below_peak_comes_after_the_peak():
    assert steepest_log_fall(curve(4, 4, 2, 1, 0.9), STEPS) == 15  # a factor 2 in 10 steps beats one in 20
    assert math.isnan(steepest_log_fall(curve(1, 2, 2, 3, 4), STEPS))
    assert math.isnan(steepest_log_fall(curve(1), STEPS[:1]))
    assert below_peak(curve(0.1, 5, 3, 0.4, 0.4), 0.1, STEPS) == 40
    assert math.isnan(below_peak(curve(1, 2, 3, 4, 5), 0.1, STEPS))


def test_final_run_skips_missing_values_when_it_counts_switches():
    nan = math.nan
    run = final_run(torch.stack([curve(nan, 3, 3, 5, 5), curve(2, 3, nan, 3, 3), curve(*[nan] * 5)]), STEPS)
    assert run.start.nan_to_num(-1).tolist() == [40, 40, -1]
    assert run.switches.nan_to_num(-1).tolist() == [1, 1, -1]


def test_selection_rules_find_what_stands_out():
    shares = torch.tensor([[0.4, 0.01, 0.35, 0.01, 0.01, 0.2, 0.02], [1 / 7] * 7])
    expected = [[True, False, True, False, False, True, False], [False] * 7]
    assert above_mean(shares, 1.2).tolist() == expected
    assert elbow(shares).tolist() == expected
