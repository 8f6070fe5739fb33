"""What a file says is never executed: real payloads that would leave a file behind, and honest files that must come through."""

from __future__ import annotations

import contextlib
import io
import os
import pickle
import zipfile
from collections import OrderedDict, defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from ontogeny.errors import Damaged, Refused
from ontogeny.interop.unpickle import Inert, load


class Calls:
    """Pickles into a call."""

    def __init__(self, function: Callable[..., Any], *arguments: Any) -> None:
        self.call = (function, arguments)

    def __reduce__(self) -> Any:
        return self.call


class SetsState:
    """Is built by something harmless, and then given a state by something that is not."""

    def __init__(self, state: Any) -> None:
        self.state = state

    def __reduce__(self) -> Any:
        return OrderedDict, (), self.state


@pytest.fixture
def pwned(tmp_path: Path) -> Path:
    return tmp_path / "pwned"


def write(tmp_path: Path, blob: bytes) -> Path:
    path = tmp_path / "file"
    path.write_bytes(blob)
    return path


def torch_bytes(data: Any, **options: Any) -> bytes:
    buffer = io.BytesIO()
    torch.save(data, buffer, **options)
    return buffer.getvalue()


def stack_global(module: str, name: str, argument: str) -> bytes:
    """A protocol-4 pickle that builds the name of a function on its stack and calls it with one text."""

    def text(value: str) -> bytes:
        blob = value.encode()
        return pickle.SHORT_BINUNICODE + bytes([len(blob)]) + blob

    called = text(module) + text(name) + pickle.STACK_GLOBAL
    return pickle.PROTO + b"\x04" + called + text(argument) + pickle.TUPLE1 + pickle.REDUCE + pickle.STOP


def payloads(target: Path) -> dict[str, tuple[bytes, str]]:
    """Name → (file, a word of the refusal). Each creates ``target`` when loaded without care."""
    touch = f"touch {target}"
    evil = Calls(os.system, touch)
    script = f"open({str(target)!r}, 'w')"
    storage = Calls(torch.storage._load_from_bytes, torch_bytes(evil, _use_new_zipfile_serialization=False))
    zipped = Calls(torch.storage._load_from_bytes, torch_bytes(evil))
    twice = Calls(torch.storage._load_from_bytes, torch_bytes(storage, _use_new_zipfile_serialization=False))
    dumps = pickle.dumps
    return {
        "os.system": (dumps(evil), "posix.system"),
        "an old protocol": (dumps(evil, protocol=0), "posix.system"),
        "eval": (dumps(Calls(eval, script)), "builtins.eval"),
        "getattr": (dumps(Calls(getattr, "x", "upper")), "getattr"),
        "among honest models": (dumps({"models": {4: {"w": torch.ones(2)}}, "notes": evil}), "posix.system"),
        "in the bytes of a storage": (dumps({"models": storage}), "posix.system"),
        "in the zip of a storage": (dumps({"models": zipped}), "posix.system"),
        "in a storage in a storage": (dumps(twice), "torch.storage._load_from_bytes"),
        "as a state": (dumps(SetsState({"x": evil})), "posix.system"),
        "as a key": (dumps(Calls(dict, [(Calls(os.system, touch), 1)])), "posix.system"),
        "as a hook of a tensor": (
            dumps(Calls(torch._utils._rebuild_tensor_v2, torch.ones(1)._typed_storage(), 0, (1,), (1,), False, evil)),
            "posix.system",
        ),
        "a torch file": (torch_bytes({"model": evil}), "posix.system"),
        "an old torch file": (torch_bytes({"model": evil}, _use_new_zipfile_serialization=False), "posix.system"),
        "a name built on the stack": (stack_global("os", "system", touch), "os.system"),
        "a dotted name": (stack_global("torch", "serialization.os.system", touch), "torch.serialization.os.system"),
        "a dotted name behind an honest one": (stack_global("torch.storage", "os.system", touch), "os.system"),
        "the original behind our reader": (
            stack_global("ontogeny.interop.unpickle", "torch.os.system", touch), "ontogeny.interop.unpickle"),
        "copyreg": (b"ccopyreg\n_reconstructor\n(cos\nsystem\nc__builtin__\nobject\nNtR.", "copyreg._reconstructor"),
        "an instance": (f"(S'{touch}'\nios\nsystem\n.".encode(), "os.system"),
        "an object": (b"(cos\nsystem\nS'" + touch.encode() + b"'\no.", "os.system"),
        "a persistent id": (b"Pposix.system\n.", "persistent id"),
    }  # fmt: skip


@pytest.mark.parametrize("name", list(payloads(Path("x"))))
def test_nothing_is_executed_and_the_name_is_told(name: str, tmp_path: Path, pwned: Path) -> None:
    blob, said = payloads(pwned)[name]
    with pytest.raises(Refused, match=r"Nothing was executed") as error:
        load(write(tmp_path, blob))
    assert said in str(error.value)
    assert not pwned.exists()


@pytest.mark.parametrize("name", list(payloads(Path("x"))))
def test_inert_loading_executes_nothing_either(name: str, tmp_path: Path, pwned: Path) -> None:
    blob, _ = payloads(pwned)[name]
    with contextlib.suppress(
        Refused, Damaged
    ):  # where the payload itself is left out, the rest may come through
        assert "inert" not in repr(load(write(tmp_path, blob), inert=("config",)))
    assert not pwned.exists()


def test_the_payloads_are_real(tmp_path: Path, pwned: Path) -> None:
    """Loaded without care they do create the file; otherwise the tests above would prove nothing."""
    for name in (
        "os.system",
        "in the bytes of a storage",
        "a name built on the stack",
        "a dotted name",
        "an instance",
    ):
        pickle.loads(payloads(pwned)[name][0])
        assert pwned.exists(), name
        pwned.unlink()


def test_a_configuration_object_stays_inert_where_it_is_expected(tmp_path: Path, pwned: Path) -> None:
    data = {"model": {"w": torch.ones(2)}, "config": Calls(os.system, f"touch {pwned}")}
    for blob in (pickle.dumps(data), torch_bytes(data)):
        read = load(write(tmp_path, blob), inert=("config",))
        assert isinstance(read["config"], Inert) and read["config"].origin == "posix.system"
        assert read["config"].arguments == (f"touch {pwned}",)
        assert torch.equal(read["model"]["w"], torch.ones(2))
        with pytest.raises(Refused, match=r"posix\.system"):
            load(write(tmp_path, blob), inert=("something else",))
    shared = Calls(os.system, f"touch {pwned}")
    with pytest.raises(Refused, match=r"posix\.system"):  # the same object, seen first where it is expected
        load(write(tmp_path, pickle.dumps({"config": [shared], "model": [shared]})), inert=("config",))
    assert not pwned.exists()


class Config:
    """A configuration object of somebody's own, with attributes."""

    def __init__(self) -> None:
        self.act_fn, self.d_model, self.nested = "relu", 128, {"a": [1, 2]}


def test_inert_objects_remember_their_attributes(tmp_path: Path) -> None:
    for blob in (pickle.dumps({"config": Config()}), torch_bytes({"config": Config()})):
        config = load(write(tmp_path, blob), inert=("config",))["config"]
        assert config.state == {"act_fn": "relu", "d_model": 128, "nested": {"a": [1, 2]}}


def honest() -> dict[str, Any]:
    linear = torch.nn.Linear(3, 2)
    weight = torch.arange(12, dtype=torch.float64).reshape(3, 4)
    return {
        "models": {2: linear.state_dict(), 3: OrderedDict(w=weight.T, part=weight[1:, ::2])},
        "parameter": torch.nn.Parameter(torch.ones(2)),
        "kinds": [torch.zeros(2, dtype=d) for d in (torch.bool, torch.int64, torch.bfloat16, torch.float16)],
        "scalar": torch.tensor(2.5),
        "empty": torch.zeros(0, 3),
        "array": np.asfortranarray(np.arange(6.0).reshape(2, 3)),
        "swapped": np.arange(3, dtype=">i4"),
        "val_accs": defaultdict(list, {2: np.float64(0.5)}),
        "plain": (1, 2.5, None, "text", b"bytes", {3, 4}, True, torch.Size([2]), torch.float32),
    }


def same(a: Any, b: Any) -> bool:
    if isinstance(a, torch.Tensor):
        return isinstance(b, torch.Tensor) and a.dtype == b.dtype and torch.equal(a, b)
    if isinstance(a, np.ndarray):
        return isinstance(b, np.ndarray) and bool((a == b).all())
    if isinstance(a, dict):
        return list(a) == list(b) and all(same(a[k], b[k]) for k in a)
    if isinstance(a, list | tuple):
        return len(a) == len(b) and all(map(same, a, b))
    return bool(a == b)


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_honest_pickles_come_through(protocol: int, tmp_path: Path) -> None:
    data = honest()
    assert same(data, load(write(tmp_path, pickle.dumps(data, protocol=protocol))))


def test_honest_torch_files_come_through(tmp_path: Path) -> None:
    data = honest()
    assert same(data, load(write(tmp_path, torch_bytes(data))))  # by our reader: torch refuses NumPy
    tensors = {k: data[k] for k in ("models", "parameter", "kinds", "scalar", "empty")}
    assert same(tensors, load(write(tmp_path, torch_bytes(tensors))))  # by torch's
    assert same(tensors, load(write(tmp_path, torch_bytes(tensors, _use_new_zipfile_serialization=False))))


def test_plain_containers_are_handed_over(tmp_path: Path) -> None:
    """An attribute that a file sets on a dict (its ``items``, say) does not arrive."""
    read = load(write(tmp_path, pickle.dumps(SetsState({"items": "not a method"}))))
    assert type(read) is dict and read.items() == {}.items()


def test_forged_arrays_are_refused(tmp_path: Path) -> None:
    """The state of a NumPy dtype can be forged so that bytes are taken for pointers; only numbers of the right length are read."""
    objects = np.array([object], dtype=object)
    with pytest.raises(Refused, match="not numbers"):
        load(write(tmp_path, pickle.dumps(objects)))
    reconstruct, arguments, state = np.arange(4.0).__reduce__()
    assert callable(reconstruct)

    class Forged:
        def __reduce__(self) -> Any:
            return reconstruct, arguments, (1, (1 << 20,), *state[2:])

    with pytest.raises(Damaged, match="bytes"):
        load(write(tmp_path, pickle.dumps(Forged())))


def test_a_tensor_larger_than_its_storage_is_refused(tmp_path: Path) -> None:
    class Larger:
        def __reduce__(self) -> Any:
            return torch._utils._rebuild_tensor_v2, (
                torch.ones(4)._typed_storage(), 2, (100,), (1,), False, OrderedDict())  # fmt: skip

    with pytest.raises(Damaged, match="storage"):
        load(write(tmp_path, pickle.dumps(Larger())))


def test_damaged_files_are_named(tmp_path: Path) -> None:
    blob = torch_bytes(honest())
    cut = io.BytesIO()
    with zipfile.ZipFile(cut, "w") as archive:
        archive.writestr("hello.txt", "no tensors")
    for broken in (b"", b"hello", blob[: len(blob) // 2], pickle.dumps(honest())[:-9], cut.getvalue()):
        with pytest.raises(Damaged, match="file"):
            load(write(tmp_path, broken))
