"""Arrays survive the way to a browser."""

from __future__ import annotations

import math

import numpy as np
import pytest

from ontogeny.workbench.packing import bytes_of, pack, plain, unpack

ARRAYS = (
    {},
    {"": np.zeros((0, 3), np.float32)},
    {
        "a": np.arange(5, dtype=np.uint8),
        "é": np.array([[1.5, np.nan]], np.float32),
        "b": np.array(7, np.int32),
    },
    {"long": np.arange(24).reshape(2, 3, 4), "yes": np.array([True, False, True])},
)


@pytest.mark.parametrize("arrays", ARRAYS)
def test_what_is_packed_is_unpacked(arrays):
    data = pack(arrays, {"first": 3})
    found, about = unpack(data)
    assert about == {"first": 3} and found.keys() == arrays.keys() and len(data) % 8 == 0
    for name, one in arrays.items():
        np.testing.assert_array_equal(found[name], one)
        assert found[name].dtype.itemsize <= 4


def test_maps_become_bytes_over_their_own_range():
    maps = np.array([[[0.0, 1.0], [2.0, 4.0]], [[5.0, 5.0], [5.0, 5.0]]], np.float32)
    small, low, high = bytes_of(maps)
    assert small.tolist() == [[[0, 64], [128, 255]], [[0, 0], [0, 0]]]
    assert low.tolist() == [0, 5] and high.tolist() == [4, 5]


def test_what_is_no_number_is_nothing():
    assert plain(
        {
            "a": np.float32("nan"),
            "b": [math.inf, 1.5, np.int64(3)],
            "c": np.array([1, 2]),
            4: None,
            "d": object,
        }
    ) == {"a": None, "b": [None, 1.5, 3], "c": [1, 2], "4": None, "d": "<class 'object'>"}
