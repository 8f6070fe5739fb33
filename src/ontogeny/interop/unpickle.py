"""Reads other people's pickles and ``torch.save`` files without executing anything that they say.

A pickle is a program: it names functions and calls them. Here it may name only what stands in ``ALLOWED``, and those names lead
to functions of this module, never to the originals: ``torch.storage._load_from_bytes`` of a plain pickle is ``torch.load``
without ``weights_only``, and the state of a NumPy dtype or array can be forged into a pointer. What it may ask for is limited. Everything else is refused by
name before it is imported. What was built is handed over in plain containers, without attributes that a file may have set.
"""

from __future__ import annotations

import io
import math
import mmap
import pickle
import pickletools
import struct
import zipfile
from collections import OrderedDict
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor

from ontogeny.errors import Damaged, Refused, a
from ontogeny.interop.limits import Limits

LEGACY = b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19"  # how torch.save began before it wrote zip files
DTYPES = {
    f"{kind}Storage": dtype
    for kind, dtype in {
        "Double": torch.float64, "Float": torch.float32, "Half": torch.float16, "BFloat16": torch.bfloat16,
        "Long": torch.int64, "Int": torch.int32, "Short": torch.int16, "Char": torch.int8, "Byte": torch.uint8,
        "Bool": torch.bool, "ComplexDouble": torch.complex128, "ComplexFloat": torch.complex64,
    }.items()
}  # fmt: skip


def load(path: str | Path, *, inert: Collection[str] = (), limits: Limits | None = None) -> Any:
    """What a pickle or ``torch.save`` file holds: tensors, arrays, numbers, text and plain containers of them.

    ``inert``: keys of the outermost dict below which unknown objects become :class:`Inert` instead of being refused, for
    configuration objects that the reader has no need of. Nothing is executed in either case.

    Raises ``Refused`` with the name of whatever the file would have called, or the limit that it exceeds, and ``Damaged`` if it is cut
    short or no such file.
    """
    path, limits = Path(path), limits or Limits()
    try:
        with path.open("rb") as handle:
            data = _read(handle, path.stat().st_size, limits, bool(inert))
        return _settled(data, inert, limits)
    except Refused as error:
        raise Refused(
            f"{path} was refused: {error} Nothing was executed. Tensors, arrays, numbers, text and plain containers are read."
        ) from None
    except Exception as error:
        # The unpickler's own KeyError is the number of an instruction that does not exist.
        said = "it has no such instruction" if isinstance(error, KeyError) else error
        raise Damaged(
            f"{path} is damaged, or no file of weights: as a pickle or torch file it cannot be read ({said}).",
            path,
        ) from None


def _read(file: Any, size: int, limits: Limits, inert: bool = False, within: bool = False) -> Any:
    """By how it begins: a torch file of today, one of before 2020, or a plain pickle. ``within``: in another one."""
    limits.refuse("bytes of the file", size, "bytes")
    head = file.read(len(LEGACY))
    file.seek(0)
    if head.startswith(b"PK\x03\x04"):
        return _load_zip(file, limits, inert, within)
    if not isinstance(file, io.BytesIO):  # which asks for memory only as far as there is something to read
        file = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    if head == LEGACY:
        return _load_legacy(file, size, limits, inert, within)
    return _Reader(file, limits, inert, within).load()


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


class _Reader(pickle._Unpickler):
    """``storage`` answers the persistent ids by which a torch file refers to its tensors' numbers.

    The reader in Python rather than the one in C, because it can be told to count, and to look at a key before it is hashed: the
    hash of tuples within tuples takes time that is exponential in what the file spends on them.
    """

    def __init__(
        self,
        file: Any,
        limits: Limits,
        inert: bool = False,
        within: bool = False,
        storage: Callable[[Any], _Held] | None = None,
    ) -> None:
        super().__init__(file)
        self._limits, self._inert, self._within, self._storage = limits, inert, within, storage
        self._left, self._bytes = limits.members, 0

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) == ("torch.storage", "_load_from_bytes") and not self._within:
            return _Function(self._nested)
        if (module, name) in ALLOWED:
            return ALLOWED[module, name]
        if self._inert:
            return type(name.rpartition(".")[2] or "Inert", (Inert,), {"origin": f"{module}.{name}"})
        raise Refused(f"it would call {module}.{name}.")

    def persistent_load(self, pid: Any) -> _Held:
        if self._storage is None:
            raise Refused("it refers to objects outside itself (a persistent id).")
        return self._storage(pid)

    def _nested(self, blob: bytes) -> _Held:
        """In place of ``torch.storage._load_from_bytes``: a torch file within, that must hold one storage."""
        held = _read(io.BytesIO(blob), len(blob), self._limits, within=True)
        if not isinstance(held, _Held) or not isinstance(held.value, Tensor):
            raise Refused(f"the bytes of a storage hold {a(type(getattr(held, 'value', held)))}.")
        self._bytes += held.value.nbytes
        self._limits.refuse("bytes of its tensors", self._bytes, "bytes")
        return held

    def _counted(self) -> None:
        self._left -= 1
        if self._left < 0:
            self._limits.refuse("operations of the pickle, at least", self._limits.members + 1, "members")

    def _instantiate(self, kind: Any, arguments: Any) -> None:
        _refuse_pairs(kind, arguments)
        super()._instantiate(kind, arguments)  # type: ignore[misc]


def _refuse_key(key: Any) -> None:
    """Keys are numbers, text and flat tuples of them."""
    if isinstance(key, tuple | frozenset) and any(isinstance(part, tuple | frozenset) for part in key):
        raise Refused("it has containers within containers as keys.")


def _refuse_pairs(kind: Any, arguments: Any) -> None:
    """The same for a dict that is made of pairs."""
    for pair in arguments[0] if kind in (dict, OrderedDict) and arguments else ():
        _refuse_key(pair[0])


NAMES = {ord(op.code): op.name for op in pickletools.opcodes}
HASHED: Mapping[
    str, Callable[[list[Any]], list[Any]]
] = {  # operation → what it hashes of what lies on the stack
    "SETITEM": lambda stack: stack[-2:-1],
    "SETITEMS": lambda stack: stack[::2],
    "DICT": lambda stack: stack[::2],
    "ADDITEMS": lambda stack: stack,
    "FROZENSET": lambda stack: stack,
}


def _watched(name: str, step: Callable[[Any], None]) -> Callable[[Any], None]:
    """One operation of the pickle machine, counted; those that hash look at what they hash first."""
    hashed = HASHED.get(name)

    def watched(reader: Any) -> None:
        reader._counted()
        for key in hashed(reader.stack) if hashed else ():
            _refuse_key(key)
        if name == "REDUCE":
            _refuse_pairs(*reader.stack[-2:])
        step(reader)

    return watched


_Reader.dispatch = {code: _watched(NAMES[code], step) for code, step in pickle._Unpickler.dispatch.items()}


def _load_zip(file: Any, limits: Limits, inert: bool, within: bool) -> Any:
    with zipfile.ZipFile(file) as archive:
        limits.archive(archive)
        (main,) = [name for name in archive.namelist() if name.endswith("data.pkl")]
        root = main.removesuffix("data.pkl")
        if f"{root}byteorder" in archive.namelist() and archive.read(f"{root}byteorder") != b"little":
            raise ValueError("its numbers are big-endian")
        held: dict[str, Tensor] = {}

        def storage(pid: Any) -> _Held:
            kind, dtype, key, _, count = pid
            if kind != "storage" or not isinstance(dtype, torch.dtype) or not str(key).isalnum():
                raise Refused(f"it refers to something that is no storage: {kind!r}.")
            if key not in held:
                blob = bytearray(archive.read(f"{root}data/{key}"))
                if len(blob) != count * dtype.itemsize:
                    raise ValueError(f"storage {key} has {len(blob)} bytes for {count} numbers")
                held[key] = torch.frombuffer(blob, dtype=dtype) if blob else torch.empty(0, dtype=dtype)
            return _Held(held[key])

        return _Reader(io.BytesIO(archive.read(main)), limits, inert, within, storage).load()


def _load_legacy(file: Any, size: int, limits: Limits, inert: bool, within: bool) -> Any:
    """What ``torch.save`` wrote before zip files: three small pickles, the object, the keys of its storages, and their numbers."""
    _, _, about = (_Reader(file, limits).load() for _ in range(3))
    if not about.get("little_endian", True):
        raise ValueError("its numbers are big-endian")
    held: dict[str, Tensor] = {}

    def storage(pid: Any) -> _Held:
        kind, dtype, key, _, count, view = pid
        if kind != "storage" or not isinstance(dtype, torch.dtype) or view is not None:
            raise Refused(f"it refers to something that is no whole storage: {kind!r}.")
        if key not in held:
            there = sum(one.nbytes for one in held.values())
            if not 0 <= count * dtype.itemsize <= size - there:
                raise ValueError(f"storage {key} would have {count} numbers, more than the file")
            held[key] = torch.zeros(count, dtype=dtype)
        return _Held(held[key])

    data = _Reader(file, limits, inert, within, storage).load()
    for key in _Reader(file, limits).load():
        (count,) = struct.unpack("<q", file.read(8))
        if count != held[key].numel():
            raise ValueError(f"storage {key} has {count} numbers, and should have {held[key].numel()}")
        if count:
            blob = bytearray(file.read(held[key].nbytes))
            held[key].copy_(torch.frombuffer(blob, dtype=held[key].dtype))
    return data


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


def _bytearray(text: Any = b"", *encoding: str) -> bytearray:
    """Of bytes or text: a number would ask for as many bytes."""
    if not isinstance(text, bytes | bytearray | str | list):
        raise Refused(f"it would ask for {text!r} bytes.")
    return bytearray(text, *encoding) if isinstance(text, str) else bytearray(text)


def _set(of: Any = ()) -> set[Any]:
    for one in of:
        _refuse_key(one)
    return set(of)


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
        for kind in (dict, list, tuple, int, float, complex, bool)
    },
    **{
        (module, name): _Function(make)
        for module in ("builtins", "__builtin__")
        for name, make in {"set": _set, "frozenset": lambda of=(): frozenset(_set(of)), "bytearray": _bytearray}.items()
    },
    ("_codecs", "encode"): _Function(_encode),
    ("torch", "Size"): _Function(lambda size: tuple(size)),
    ("torch", "device"): _Function(lambda *name: ":".join(map(str, name))),
    **{("torch", str(dtype).removeprefix("torch.")): dtype for dtype in DTYPES.values()},
    **{("torch", name): dtype for name, dtype in DTYPES.items()},
    **{("torch.storage", name): dtype for name, dtype in DTYPES.items()},
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


def _settled(data: Any, inert: Collection[str], limits: Limits) -> Any:
    """Plain containers of values; an inert object outside the keys where it is expected is refused, and so is what would not fit.

    A tensor counts as many bytes as it has numbers: one number seen a billion times is a billion once it is copied.
    """
    seen: dict[int, Any] = {}
    total = 0

    def settle(x: Any, expected: bool, depth: int = 0) -> Any:
        nonlocal total
        limits.refuse("containers within containers", depth, "nesting")
        if isinstance(x, Inert) or (isinstance(x, type) and issubclass(x, Inert)):
            if not expected:
                raise Refused(f"it would call {x.origin}.")
            return x
        x = x.value if isinstance(x, _Held) else x
        if isinstance(x, Tensor | np.ndarray):
            total += x.numel() * x.element_size() if isinstance(x, Tensor) else x.nbytes
            limits.refuse("bytes of its tensors", total, "bytes")
            return x.detach() if isinstance(x, Tensor) else x
        if not isinstance(x, dict | list | tuple | set | frozenset):
            return x
        if id(x) not in seen:
            if isinstance(x, dict):
                fresh: Any = seen.setdefault(id(x), {})
                for key, value in dict.items(x):
                    fresh[settle(key, expected, depth + 1)] = settle(value, expected, depth + 1)
            elif isinstance(x, list):
                fresh = seen.setdefault(id(x), [])
                fresh += [settle(value, expected, depth + 1) for value in x]
            else:
                kind = set if isinstance(x, set) else frozenset if isinstance(x, frozenset) else tuple
                seen[id(x)] = kind(settle(value, expected, depth + 1) for value in x)
        return seen[id(x)]

    if not inert or not isinstance(data, dict):
        return settle(data, False)
    names = {key: settle(key, False) for key in data}
    strict = {names[k]: settle(v, False) for k, v in dict.items(data) if k not in inert}
    return strict | {k: settle(v, True) for k, v in dict.items(data) if k in inert}
