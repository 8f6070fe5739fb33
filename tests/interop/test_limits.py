"""What a file may ask for: said before memory is asked for, and raised by whoever trusts it."""

from __future__ import annotations

import io
import pickle
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch

from ontogeny.errors import Damaged, Refused, UserError
from ontogeny.interop import bundle
from ontogeny.interop.limits import Limits, limits
from ontogeny.interop.unpickle import load

WEIGHTS = {"a": torch.arange(6.0).reshape(2, 3), "b": torch.ones(4, dtype=torch.int64)}


def small(path: Path, blob: bytes) -> Path:
    path.write_bytes(blob)
    return path


@pytest.mark.parametrize(
    ("blob", "said"),
    [
        # bytearray(6e9)
        (
            b"\x80\x04cbuiltins\nbytearray\n\x8a\x05\x00\xbc\xa0\x65\x01\x85R.",
            "it would ask for",
        ),
        (b"\x80\x04]r\xff\xff\xff\x7f.", ""),  # a place in the memo that the reader in C makes room up to
        (b"\x80\x04\x95\x00\x00\x00\x00\x02\x00\x00\x00N.", ""),  # a frame of 8 GiB
        (b"\x80\x04\x8e\x00\x00\x00\x00\x02\x00\x00\x00ab.", "cannot be read"),  # bytes, 8 GiB of them
        (b"(" * 200 + b"(t" + b"t" * 200 + b".", "containers within containers"),
    ],
)
def test_a_few_bytes_that_ask_for_much(tmp_path, blob, said):
    path = small(tmp_path / "x.pkl", blob)
    if not said:
        assert load(path) in ([], None)
        return
    with pytest.raises(UserError, match=said):
        load(path)


def test_keys_that_take_forever_to_hash_are_refused(tmp_path):
    """Tuples of the same tuple twice, forty deep: as a key they are hashed 2^40 times."""
    blob = b"\x80\x04}" + b"N" + b"".join(b"2\x86" for _ in range(40)) + b"K\x01s."
    with pytest.raises(Refused, match="as keys"):
        load(small(tmp_path / "x.pkl", blob))


@pytest.mark.parametrize("zipped", [True, False])
def test_both_forms_of_torch_files_come_back_as_they_were(tmp_path, zipped):
    path = tmp_path / "x.pt"
    shared = torch.arange(10.0)
    torch.save(
        {"w": WEIGHTS, "half": shared[5:], "all": shared.reshape(2, 5).T},
        path,
        _use_new_zipfile_serialization=zipped,
    )
    found = load(path)
    assert found["w"].keys() == WEIGHTS.keys()
    assert all(
        torch.equal(found["w"][n], WEIGHTS[n]) and found["w"][n].dtype == WEIGHTS[n].dtype for n in WEIGHTS
    )
    assert torch.equal(found["half"], shared[5:]) and torch.equal(found["all"], shared.reshape(2, 5).T)


def test_one_number_seen_a_billion_times_is_a_billion(tmp_path):
    path = tmp_path / "x.pt"
    torch.save({"a": torch.zeros(1).expand(2**32)}, path)
    with pytest.raises(Refused, match=r"17,179,869,184, and the limit is .*--limit bytes=16G"):
        load(path)
    assert load(path, limits=limits(["bytes=16G"]))["a"].numel() == 2**32


def test_a_zip_bomb_is_known_by_its_directory(tmp_path):
    path = tmp_path / "x.pt"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("x/data.pkl", pickle.dumps({}))
        archive.writestr("x/data/0", bytes(2**26))
    with pytest.raises(Refused, match=r"for one that is packed.*--limit ratio="):
        load(path)
    with pytest.raises(Refused, match="bytes when unpacked"):
        load(path, limits=Limits(bytes=2**20, ratio=10**9))


def test_a_bundle_of_too_much_leaves_nothing(trained, tmp_path):
    from ontogeny.interop.export import export

    path = export(trained, "bundle", tmp_path / "b.zip")
    for tight, said in (
        (Limits(bytes=1000), "bytes when unpacked"),
        (Limits(members=3), "files in the archive"),
    ):
        with pytest.raises(Refused, match=said):
            bundle.read(path, tmp_path / "out", tight)
    assert not (tmp_path / "out").exists()


def test_limits_are_raised_in_words():
    assert limits(["bytes=16G", "members=7"]) == Limits(bytes=16 * 2**30, members=7)
    for wrong in ("bytes=much", "byte=1", "bytes"):
        with pytest.raises(UserError):
            limits([wrong])


def test_arrays_and_numbers_of_numpy_still_come_back(tmp_path):
    said = {"a": np.arange(5), "b": np.float64(2.5), 3: [1, (2, "x")], (1, 2): {4}}
    found = load(small(tmp_path / "x.pkl", pickle.dumps(said)))
    assert np.array_equal(found["a"], said["a"]) and found["b"] == 2.5
    assert found[3] == [1, (2, "x")] and found[(1, 2)] == {4}


def test_a_storage_that_claims_more_than_the_file_has_is_not_made_room_for(tmp_path):
    buffer = io.BytesIO()
    torch.save(torch.zeros(3), buffer, _use_new_zipfile_serialization=False)
    blob = buffer.getvalue()
    big = blob.replace(b"K\x03N", b"J\xff\xff\xff\x7fN")
    assert big != blob
    with pytest.raises(Damaged, match="more than the file"):
        load(small(tmp_path / "x.pt", big))
