"""``ontogeny compare`` on plain files, without any study."""

import json
import pickle

import numpy as np
import pytest
import torch
import xarray as xr
from safetensors.torch import save_file

import ontogeny as on
from ontogeny.cli_compare import compare
from ontogeny.errors import Damaged, UnknownName, UserError
from ontogeny.registry import measures
from ontogeny.representations.files import read, two_sides

RANDOM = np.random.default_rng(0)
X = RANDOM.standard_normal((60, 5)).astype("f4")
Y = (X[:, :4] + RANDOM.standard_normal((60, 4))).astype("f4")


@pytest.fixture
def files(tmp_path):
    np.save(tmp_path / "a.npy", X)
    np.save(tmp_path / "b.npy", Y)
    np.savez(tmp_path / "layers.npz", early=X, late=np.tanh(X))
    save_file({"acts": torch.from_numpy(Y)}, tmp_path / "c.safetensors")
    return tmp_path


def test_three_formats_hold_the_same_arrays(files):
    assert list(read(files / "a.npy")) == ["a"]
    assert list(read(files / "layers.npz")) == ["early", "late"]
    assert list(read(f"{files}/layers.npz:late")) == ["layers:late"]
    np.testing.assert_array_equal(read(files / "c.safetensors")["acts"], Y)
    x, y = two_sides(files / "layers.npz", files / "layers.npz")
    assert list(x) == ["first:early", "first:late"] and list(y) == ["second:early", "second:late"]
    for folder in ("A", "B"):  # files of one name are called by their folders
        (files / folder).mkdir()
        np.savez(files / folder / "sae.npz", W_dec=X)
    x, y = (list(side or ()) for side in two_sides(f"{files}/A/sae.npz:W_dec", f"{files}/B/sae.npz:W_dec"))
    assert (x, y) == (["A"], ["B"])


def test_files_that_hold_no_numbers_are_refused(files):
    with pytest.raises(UserError, match="no file"):
        read(files / "none.npy")
    with pytest.raises(UserError, match=r"\.npy, \.npz"):
        read(files)
    with pytest.raises(UnknownName, match="late"):
        read(f"{files}/layers.npz:lat")
    (files / "cut.npy").write_bytes((files / "a.npy").read_bytes()[:100])
    with pytest.raises(Damaged, match=r"cut\.npy"):
        read(files / "cut.npy")
    np.save(files / "objects.npy", np.array([{"a": 1}], dtype=object), allow_pickle=True)
    with pytest.raises(UserError, match="Python objects"):
        read(files / "objects.npy")
    (files / "evil.npy").write_bytes(pickle.dumps(print))
    with pytest.raises(UserError):
        read(files / "evil.npy")


def test_one_command_is_a_papers_table(files, command):
    table = files / "table.md"
    done = command(
        "compare", f"{files}/a.npy", f"{files}/c.safetensors", "--measure", "cka_linear", "--measure", "svcca",
        "--option", "keep=0.9", "--draws", "39", "--resamples", "10", "--null", "row_shuffle", "--null", "random",
        "--out", str(table), "--json",
    )  # fmt: skip
    rows = json.loads(done.stdout)["rows"]
    assert {(r["first"], r["second"], r["measure"], r["null"]) for r in rows} == {
        ("a", "acts", m, n) for m in ("cka_linear", "svcca") for n in ("row_shuffle", "random")
    }
    values = {r["measure"]: r["value"] for r in rows}
    assert values["cka_linear"] == pytest.approx(measures["cka_linear"](X, Y).item())
    assert values["svcca"] == pytest.approx(measures["svcca"](X, Y, keep=0.9).item())
    assert table.read_text(encoding="utf-8").startswith("| first | second | measure |")


def test_wrong_uses_of_the_command_are_one_line(files, command):
    a, b = files / "a.npy", files / "b.npy"
    np.save(files / "nan.npy", np.where(np.arange(300).reshape(60, 5) == 9, np.nan, X))
    for words, said in [
        ((a,), "name the file to compare it with"),
        ((a, files / "gone.npy"), "no file"),
        ((a, files / "nan.npy", "--measure", "svcca"), "nan holds 1 values that are NaN or infinite, in 1 of its 60 rows"),
        ((a, b, "--run", "x"), "--run is about the runs of a study"),
        ((files, b), "are one of each"),
        ((a, b, "--measure", "svcca", "--option", "kep=1"), "'keep'"),
    ]:  # fmt: skip
        done = command("compare", *words)
        assert done.returncode == 2 and done.stderr.count("\n") == 1 and said in done.stderr, done.stderr


def test_a_file_names_the_sampling_units(files):
    documents = np.repeat(np.arange(10), 6)
    np.save(files / "documents.npy", documents)
    out = files / "table.nc"
    plain = {"first": files / "a.npy", "second": files / "b.npy", "measure": ["cka_linear"], "draws": 39}
    compare(**plain, resamples=10, groups=files / "documents.npy", correction="bh", out_file=out)
    told = xr.open_dataset(out, engine="h5netcdf")
    expected = on.compare(X, Y, "cka_linear", draws=39, resamples=10, groups=documents, correction="bh")
    assert told.attrs["sampling_units"] == 10 and told.attrs["correction"] == "bh"
    np.testing.assert_array_equal(told["draws"], expected.data["draws"])
    with pytest.raises(UserError, match="2 arrays; name one"):
        compare(**plain, groups=files / "layers.npz")
