"""Reads other people's pickles and ``torch.save`` files without executing anything that they say.

A pickle is a program: it names functions and calls them. Here it may name only what stands in ``ALLOWED``, and those names lead
to functions of this module, never to the originals: ``torch.storage._load_from_bytes`` of a plain pickle is ``torch.load``
without ``weights_only``, and the state of a NumPy dtype or array can be forged into a pointer. Everything else is refused by
name before it is imported. What was built is handed over in plain containers, without attributes that a file may have set.
"""

from __future__ import annotations

import io
import math
import pickle
import re
import zipfile
from collections import OrderedDict
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor

from ontogeny.errors import Damaged, Refused

LEGACY = b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19"  # how torch.save began before it wrote zip files
DTYPES = {
    f"{kind}Storage": dtype
    for kind, dtype in {
        "Double": torch.float64, "Float": torch.float32, "Half": torch.float16, "BFloat16": torch.bfloat16,
        "Long": torch.int64, "Int": torch.int32, "Short": torch.int16, "Char": torch.int8, "Byte": torch.uint8,
        "Bool": torch.bool, "ComplexDouble": torch.complex128, "ComplexFloat": torch.complex64,
    }.items()
}  # fmt: skip


def load(path: str | Path, *, inert: Collection[str] = ()) -> Any:
    """What a pickle or ``torch.save`` file holds: tensors, arrays, numbers, text and plain containers of them.

    ``inert``: keys of the outermost dict below which unknown objects become :class:`Inert` instead of being refused, for
    configuration objects that the reader has no need of. Nothing is executed in either case.

    Raises ``Refused`` with the name of whatever the file would have called, and ``Damaged`` if it is cut short or no such file.
    """
    path = Path(path)
    with path.open("rb") as handle:
        head = handle.read(len(LEGACY))
    try:
        if head.startswith(b"PK\x03\x04"):
            data = _load_zip(path, bool(inert))
        elif head == LEGACY:
            data = _weights_only(path)
        else:
            with path.open("rb") as handle:
                data = _Reader(handle, bool(inert)).load()
        return _settled(data, inert)
    except Refused as error:
        raise Refused(
            f"{path} was refused: {error} Nothing was executed. Tensors, arrays, numbers, text and plain containers are read."
        ) from None
    except Exception as error:
        raise Damaged(f"{path} cannot be read as a pickle or torch file: {error}.", path) from None


class Inert:
    """Stands for an object of unknown class: remembers what the file says of it, and does nothing.

    ``origin``: the name of the class or function; ``arguments``: what it would have been called with; ``state``: its attributes.
    """

    origin: ClassVar[str] = ""
    arguments: tuple[Any, ...]
    state: Any

    def __new__(cls, *arguments: Any, **named: Any) -> Inert:
        self = object.__new__(cls)
        self.__dict__.update(arguments=(*arguments, *named.items()), state=None)
        return self

    def __init__(self, *arguments: Any, **named: Any) -> None:
        pass

    def __repr__(self) -> str:
        return f"<inert {self.origin}>"

    def __setstate__(self, state: Any) -> None:
        self.__dict__["state"] = state

    def __call__(self, *arguments: Any, **named: Any) -> Inert:
        return type(self)(*arguments)

    def __setitem__(self, key: Any, value: Any) -> None:
        pass

    def append(self, value: Any) -> None:
        pass

    add = extend = append


class _Reader(pickle.Unpickler):
    """``storage`` answers the persistent ids by which a torch file refers to its tensors' numbers."""

    def __init__(self, file: Any, inert: bool = False, storage: Callable[[Any], _Held] | None = None) -> None:
        super().__init__(file)
        self._inert, self._storage = inert, storage

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) in ALLOWED:
            return ALLOWED[module, name]
        if self._inert:
            return type(name.rpartition(".")[2] or "Inert", (Inert,), {"origin": f"{module}.{name}"})
        raise Refused(f"it would call {module}.{name}.")

    def persistent_load(self, pid: Any) -> _Held:
        if self._storage is None:
            raise Refused("it refers to objects outside itself (a persistent id).")
        return self._storage(pid)


def _load_zip(path: Path, inert: bool) -> Any:
    try:
        return torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError:
        pass  # names something that torch does not know to be harmless: numbers of NumPy, or what we refuse by name
    with zipfile.ZipFile(path) as archive:
        (main,) = [name for name in archive.namelist() if name.endswith("data.pkl")]
        root = main.removesuffix("data.pkl")
        if f"{root}byteorder" in archive.namelist() and archive.read(f"{root}byteorder") != b"little":
            raise ValueError("its numbers are big-endian")

        def storage(pid: Any) -> _Held:
            kind, dtype, key, _, count = pid
            if kind != "storage" or not isinstance(dtype, torch.dtype) or not str(key).isalnum():
                raise Refused(f"it refers to something that is no storage: {kind!r}.")
            blob = bytearray(archive.read(f"{root}data/{key}"))
            if len(blob) != count * dtype.itemsize:
                raise ValueError(f"storage {key} has {len(blob)} bytes for {count} numbers")
            return _Held(torch.frombuffer(blob, dtype=dtype) if blob else torch.empty(0, dtype=dtype))

        return _Reader(io.BytesIO(archive.read(main)), inert, storage).load()


def _weights_only(file: Any) -> Any:
    """Torch's own restricted reader, for what it wrote before zip files; its refusal in our words."""
    try:
        return torch.load(file, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        found = re.search(r"GLOBAL:? +([\w.]+)", str(error))
        raise Refused(f"it would call {found[1]}." if found else "it holds more than tensors.") from None


# -- what the names in a file lead to --------------------------------------------------------------------------------


class _Held:
    """A value that the rest of the file cannot reach into: it has no state to be set and cannot be called."""

    __slots__ = ("value",)
    value: Any

    def __init__(self, value: Any) -> None:
        object.__setattr__(self, "value", value)

    def __setattr__(self, name: str, value: Any) -> None:
        raise Refused(f"it would set the attribute '{name}'.")


class _Function(_Held):
    """The same for functions, which may be called."""

    __slots__ = ()

    def __call__(self, *arguments: Any) -> Any:
        return self.value(*arguments)


def _storage_from_bytes(blob: bytes) -> _Held:
    """In place of ``torch.storage._load_from_bytes``."""
    typed = _weights_only(io.BytesIO(blob))
    if not isinstance(typed, torch.storage.TypedStorage):
        raise Refused(f"the bytes of a storage hold a {type(typed).__name__}.")
    return _Held(torch.empty(0, dtype=typed.dtype).set_(typed._untyped_storage))


def _tensor(storage: _Held, offset: int, size: Sequence[int], stride: Sequence[int], *_: Any) -> _Held:
    """In place of ``_rebuild_tensor_v2``; hooks are left out. PyTorch checks that the storage is large enough."""
    return _Held(storage.value.as_strided(tuple(size), tuple(stride), offset))


def _parameter(data: _Held, *_: Any) -> _Held:
    return data


class _Dtype(_Held):
    """A NumPy dtype of numbers: kind and size from its name, and of its state only the byte order."""

    __slots__ = ()

    def __init__(self, name: str, *_: Any) -> None:
        dtype = np.dtype(str(name))
        if dtype.kind not in "biufc":
            raise Refused(f"it holds a NumPy array of '{name}', which is not numbers.")
        super().__init__(dtype)

    def __setstate__(self, state: Sequence[Any]) -> None:
        object.__setattr__(self, "value", self.value.newbyteorder(state[1]))


class _Array(_Held):
    """A NumPy array, built from shape, dtype and bytes."""

    __slots__ = ()

    def __setstate__(self, state: Sequence[Any]) -> None:
        _, shape, dtype, fortran, blob = state
        object.__setattr__(self, "value", _frombuffer(blob, dtype, shape, "F" if fortran else "C").value)


def _frombuffer(blob: Any, dtype: _Dtype, shape: Sequence[int], order: str) -> _Held:
    kind = dtype.value
    if len(memoryview(blob)) != math.prod(shape) * kind.itemsize:
        raise ValueError(f"an array of shape {tuple(shape)} has {len(memoryview(blob))} bytes")
    values = np.frombuffer(bytes(blob), kind).astype(kind.newbyteorder("="))
    return _Held(values.reshape(tuple(shape), order="F" if order == "F" else "C"))


def _scalar(dtype: _Dtype, blob: bytes) -> Any:
    return _frombuffer(blob, dtype, (), "C").value.item()


def _encode(text: str, encoding: str) -> bytes:
    """How protocol 2 spells bytes."""
    return text.encode("latin1")


_NUMPY: dict[str, Any] = {
    "_reconstruct": _Function(lambda *_: _Array(None)),
    "scalar": _Function(_scalar),
    "_frombuffer": _Function(_frombuffer),
}
ALLOWED: Mapping[tuple[str, str], Any] = {
    ("collections", "OrderedDict"): OrderedDict,
    ("collections", "defaultdict"): _Function(lambda *_: {}),
    **{
        (module, kind.__name__): kind
        for module in ("builtins", "__builtin__")
        for kind in (dict, list, set, frozenset, tuple, int, float, complex, bool, bytearray)
    },
    ("_codecs", "encode"): _Function(_encode),
    ("torch", "Size"): _Function(lambda size: tuple(size)),
    ("torch", "device"): _Function(lambda *name: ":".join(map(str, name))),
    **{("torch", str(dtype).removeprefix("torch.")): dtype for dtype in DTYPES.values()},
    **{("torch", name): dtype for name, dtype in DTYPES.items()},
    **{("torch.storage", name): dtype for name, dtype in DTYPES.items()},
    ("torch.storage", "_load_from_bytes"): _Function(_storage_from_bytes),
    ("torch._utils", "_rebuild_tensor_v2"): _Function(_tensor),
    ("torch._utils", "_rebuild_parameter"): _Function(_parameter),
    **{
        (f"numpy.{core}.{module}", name): found
        for core in ("core", "_core")
        for module in ("multiarray", "numeric")
        for name, found in _NUMPY.items()
    },
    ("numpy", "ndarray"): _Held(None),
    ("numpy", "dtype"): _Function(_Dtype),
}  # fmt: skip


# -- what is handed over ---------------------------------------------------------------------------------------------


def _settled(data: Any, inert: Collection[str]) -> Any:
    """Plain containers of values; an inert object outside the keys where it is expected is refused."""
    seen: dict[int, Any] = {}

    def settle(x: Any, expected: bool) -> Any:
        if isinstance(x, Inert) or (isinstance(x, type) and issubclass(x, Inert)):
            if not expected:
                raise Refused(f"it would call {x.origin}.")
            return x
        if isinstance(x, _Held):
            return x.value
        if isinstance(x, Tensor):
            return x.detach()
        if not isinstance(x, dict | list | tuple | set | frozenset):
            return x
        if id(x) not in seen:
            if isinstance(x, dict):
                fresh: Any = seen.setdefault(id(x), {})
                for key, value in dict.items(x):
                    fresh[settle(key, expected)] = settle(value, expected)
            elif isinstance(x, list):
                fresh = seen.setdefault(id(x), [])
                fresh += [settle(value, expected) for value in x]
            else:
                kind = set if isinstance(x, set) else frozenset if isinstance(x, frozenset) else tuple
                seen[id(x)] = kind(settle(value, expected) for value in x)
        return seen[id(x)]

    if not inert or not isinstance(data, dict):
        return settle(data, False)
    names = {key: settle(key, False) for key in data}
    strict = {names[k]: settle(v, False) for k, v in dict.items(data) if k not in inert}
    return strict | {k: settle(v, True) for k, v in dict.items(data) if k in inert}
