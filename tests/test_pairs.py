"""Any two representations of trained models: of runs, of steps, of places, of two studies; and what was compared once is kept."""

from __future__ import annotations

import shutil

import numpy as np
import pytest

import ontogeny as on
from ontogeny.errors import UserError
from ontogeny.registry import measures
from ontogeny.work import pairs as room


@pytest.fixture
def store(a_copy):
    return on.open(a_copy)


@pytest.fixture
def computed(monkeypatch):
    """How often each representation was computed: {(run, step, tap): times}."""
    seen: dict[tuple[str, int, str], int] = {}
    original = room.Representation.subject

    def counting(self):
        key = (self.entry.id, self.step, self.tap)
        seen[key] = seen.get(key, 0) + 1
        return original(self)

    monkeypatch.setattr(room.Representation, "subject", counting)
    return seen


def hidden(run, step):
    """The array itself, by another way."""
    return run.lens(lambda model: model.tap("hook_hidden"), [step])


def array(run, step):
    from ontogeny.measures.reading import representation

    return representation(run._subjects([step]).at(0), "hook_hidden")


def test_steps_of_one_run_and_of_two_are_what_their_arrays_say(store):
    a, b = store.run(d_hidden=3), store.run(d_hidden=20)
    for data, pairs in (
        (a.compare("cka_linear", "all", tap="hook_hidden"), (a, a)),
        (a.compare("cka_linear", "all", b, tap="hook_hidden"), (a, b)),
    ):
        assert data["value"].dims == ("step", "step_other")
        for i, j in ((0, -1), (1, 2), (-1, 0)):
            x, y = array(pairs[0], pairs[0].steps[i]), array(pairs[1], pairs[1].steps[j])
            assert float(data["value"][i, j]) == pytest.approx(measures["cka_linear"](x, y).item(), abs=1e-6)
    equal = a.compare("cka_linear", "equal", b, tap="hook_hidden")["value"]
    square = a.compare("cka_linear", "all", b, tap="hook_hidden")["value"].values
    assert np.array_equal(equal.values, square.diagonal())
    final = a.compare("cka_linear", "final", b, tap="hook_hidden")["value"]
    assert np.array_equal(final.values, square[:, -1])


def test_consecutive_steps(store):
    a = store.run(d_hidden=3)
    whole = a.compare("cka_linear", "all", tap="hook_hidden")["value"].values
    steps = a.compare("cka_linear", "consecutive", tap="hook_hidden")["value"]
    assert steps["step"].values.tolist() == a.steps[1:]
    np.testing.assert_allclose(steps.values, np.diagonal(whole, -1), atol=1e-12)


def test_places_beside_one_another(store):
    a, b = store.run(d_hidden=3), store.run(d_hidden=20)
    taps = ("hook_hidden", "outputs")
    one = a.compare("svcca", taps=taps)
    assert one["value"].dims == ("tap", "tap_other") and one["value"].shape == (2, 2)
    np.testing.assert_allclose(one["value"].values.diagonal(), 1, atol=1e-6)
    two = a.compare("svcca", other=b, taps=taps)["value"]
    assert float(two.sel(tap="hook_hidden", tap_other="outputs")) == pytest.approx(
        float(b.compare("svcca", other=a, taps=taps)["value"].sel(tap="outputs", tap_other="hook_hidden")),
        abs=1e-6,
    )
    np.testing.assert_array_equal(one["k"].values, one["k_other"].values.T)


def test_a_new_run_computes_one_row_and_what_is_known_nothing(store, computed):
    few = store.only([store.run(d_hidden=2), store.run(d_hidden=3)])
    few.compare("svcca", tap="hook_hidden")
    assert len(computed) == 2 and set(computed.values()) == {1}
    computed.clear()
    again = few.compare("svcca", tap="hook_hidden")
    assert not computed
    kept = room.Pairs(measures["svcca"], {}, store.directory)
    before = dict(kept._known)
    everyone = store.compare("svcca", tap="hook_hidden")
    assert set(computed.values()) == {1} and len(computed) == 3
    after = room.Pairs(measures["svcca"], {}, store.directory)._known
    assert (
        len(before) == 4 and len(after) == 9 and all(after[pair] == value for pair, value in before.items())
    )
    assert np.array_equal(everyone.values[:2, :2], again.values)


def test_other_code_or_options_are_compared_anew(store, computed, monkeypatch):
    store.compare("svcca", tap="hook_hidden")
    computed.clear()
    store.compare("svcca", tap="hook_hidden", keep=0.5)
    assert len(computed) == 3
    computed.clear()
    monkeypatch.setattr(room.fingerprint, "of", lambda *things: "other code")
    store.compare("svcca", tap="hook_hidden")
    assert len(computed) == 3


def test_over_training_each_representation_once(store, computed):
    data = store.over_training("cka_linear", tap="hook_hidden")
    assert data["value"].dims == ("step", "run", "run_other")
    assert set(computed.values()) == {1} and len(computed) == 3 * data.sizes["step"]
    last = store.compare("cka_linear", tap="hook_hidden")
    np.testing.assert_array_equal(data["value"].isel(step=-1).values, last.values)
    assert data["d_hidden"].values.tolist() == [2, 3, 20]
    some = store.over_training("cka_linear", most=2, tap="hook_hidden")
    assert some["step"].values.tolist() == [data["step"].values[0], data["step"].values[-1]]


def test_aligned_at_what_happens_to_each(store):
    runs = [store.run(d_hidden=d) for d in (2, 3, 20)]
    bar = min(run.metrics()["train_accuracy"].max() for run in runs[1:])
    event = {"metric": "train_accuracy", "at_least": float(bar)}
    data = store.over_training("cka_linear", align=event, tap="hook_hidden")
    ticks = data["step"].values
    assert min(ticks) < 0 < max(ticks) and "since" in data["step"].attrs["long_name"]
    with pytest.raises(UserError, match="happens in 0"):
        store.over_training(
            "cka_linear", align={"metric": "train_accuracy", "at_least": 2}, tap="hook_hidden"
        )
    with pytest.raises(UserError, match="logs no 'tset_accuracy'"):
        store.over_training("cka_linear", align={"metric": "tset_accuracy", "at_least": 1}, tap="hook_hidden")


def test_runs_of_two_studies(store, tiny_study, carry_out, tmp_path):
    mlp = {"kind": "mlp", "d_mlp": 4, "d_embed": 3}
    carry_out(tiny_study(architecture=mlp, vary={"seed": [5, 6]}), tmp_path / "mlp", stages=["train"])
    other = on.open(tmp_path / "mlp")
    data = store.comparison("cka_linear", other=other, tap="neurons[-1]")
    assert data["value"].shape == (3, 2)
    assert data["d_hidden"].dims == ("run",) and data["seed_other"].values.tolist() == [5, 6]
    back = other.comparison("cka_linear", other=store, tap="neurons[-1]")["value"]
    np.testing.assert_allclose(back.values.T, data["value"].values, atol=1e-9)
    carry_out(tiny_study(task__p=5, vary={"seed": [0]}), tmp_path / "five", stages=["train"])
    with pytest.raises(UserError, match=r"a 7 × b 7 .* a 5 × b 5"):
        store.comparison("cka_linear", other=on.open(tmp_path / "five"), tap="neurons[-1]")


def test_a_place_that_cannot_be_written_to_is_read(store, monkeypatch):
    def refuses(*_):
        raise PermissionError("read-only")

    monkeypatch.setattr(room.results, "write", refuses)
    assert store.compare("svcca", tap="hook_hidden").shape == (3, 3)


def test_damaged_pairs_are_made_anew_and_named(store):
    from ontogeny.check import check

    said = store.compare("svcca", tap="hook_hidden")
    path = room.Pairs(measures["svcca"], {}, store.directory).path
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 0x20
    path.write_bytes(data)
    assert any(one.what == "comparisons/pairs/svcca.nc" for one in check(store.directory.root).of("damaged"))
    assert np.array_equal(
        on.open(store.directory.root).compare("svcca", tap="hook_hidden").values, said.values
    )


def test_what_is_much_lies_in_files(store, monkeypatch):
    here = store.compare("svcca", tap="hook_hidden")
    shutil.rmtree(store.directory.comparisons / "pairs")
    monkeypatch.setattr(room, "IN_MEMORY", 0)
    assert np.array_equal(store.compare("svcca", tap="hook_hidden").values, here.values)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"between": "some"}, "choose"),
        ({"between": "equal"}, "two runs"),
        ({"taps": ["outputs"], "tap": "outputs"}, "one place"),
        ({"taps": ["hook_hiden"]}, "hook_hidden"),
    ],
)
def test_what_does_not_go_together(store, given, said):
    with pytest.raises(UserError, match=said):
        store.run(d_hidden=3).compare("cka_linear", **given)
