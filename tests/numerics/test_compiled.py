"""Compiled code is the same code whether this process compiled it or read it from the cache."""

import importlib
import os
import pkgutil
import subprocess
import sys

import pytest
from numba.core.dispatcher import Dispatcher

import ontogeny

COMPILING = [
    one.name
    for one in pkgutil.walk_packages(ontogeny.__path__, "ontogeny.")
    if one.name.partition(".")[2].startswith(("numerics.", "training."))
]
TRAIN = """
import hashlib, numpy as np
from ontogeny.training.bilinear_loops import advance, means
d, p, r = 20, 7, np.random.default_rng(0)
w = (r.normal(size=4 * p * d + d * p) * 0.3).astype(np.float32)
m, v = np.zeros_like(w), np.zeros_like(w)
inputs = np.indices((p, p)).reshape(2, -1).T.copy()
labels, out = inputs.sum(1) % p, np.empty((1, 2))
advance(w, m, v, d, 2 * p, p, (0.01, 0.1, 0.9, 0.999, 1e-8), inputs, labels, r.integers(0, p * p, (9, 8)), 0)
means(w, d, 2 * p, p, inputs, labels, np.arange(p * p), np.array([p * p]), out)
print(hashlib.sha1(w.tobytes() + m.tobytes() + v.tobytes() + out.tobytes()).hexdigest())
"""


@pytest.mark.parametrize("name", COMPILING)
def test_what_compiled_code_calls_is_a_part_of_it(name):
    for caller in vars(importlib.import_module(name)).values():
        if isinstance(caller, Dispatcher):
            found = [caller.py_func.__globals__.get(word) for word in caller.py_func.__code__.co_names]
            alone = [
                one.__name__
                for one in found
                if isinstance(one, Dispatcher) and not one.targetoptions.get("forceinline")
            ]
            assert not alone, f"{caller.__name__} calls {alone}: mark them part=True"


def test_the_process_that_compiles_trains_as_those_that_read_the_cache(tmp_path):
    environment = {**os.environ, "NUMBA_CACHE_DIR": str(tmp_path)}
    said = [
        subprocess.run(
            [sys.executable, "-c", TRAIN], env=environment, capture_output=True, text=True, check=True
        )
        for _ in range(2)
    ]
    assert list(tmp_path.rglob("*.nbc")), "the second process found nothing in the cache"
    assert said[0].stdout == said[1].stdout
