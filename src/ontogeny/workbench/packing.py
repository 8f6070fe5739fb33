"""Arrays for a browser: a header in JSON, then the bytes. One form for maps, frames of figures and tables of numbers.

length of the header (4 bytes, little-endian) · header {"arrays": [{name, dtype, shape}], …} · arrays, each at a multiple of 8 bytes
"""

from __future__ import annotations

import json
import math
import struct
from collections.abc import Mapping
from typing import Any

import numpy as np

DTYPES = {"f": np.float32, "i": np.int32, "u": np.uint8, "b": np.uint8}


def pack(arrays: Mapping[str, np.ndarray], about: Mapping[str, Any] | None = None) -> bytes:
    """Floats as float32, whole numbers as int32, bytes as they are."""
    parts = {name: np.ascontiguousarray(one, DTYPES[one.dtype.kind]) for name, one in arrays.items()}
    listed = [{"name": n, "dtype": one.dtype.name, "shape": list(one.shape)} for n, one in parts.items()]
    header = json.dumps({**(about or {}), "arrays": listed}, allow_nan=False).encode()
    header += b" " * (-(len(header) + 4) % 8)
    body = b"".join(one.tobytes() + b"\0" * (-one.nbytes % 8) for one in parts.values())
    return struct.pack("<I", len(header)) + header + body


def unpack(data: bytes) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """What :func:`pack` packed: arrays, and what was said about them."""
    (length,) = struct.unpack_from("<I", data)
    about = json.loads(data[4 : 4 + length])
    at, arrays = 4 + length, {}
    for one in about.pop("arrays"):
        count = math.prod(one["shape"])
        arrays[one["name"]] = np.frombuffer(data, one["dtype"], count, at).reshape(one["shape"])
        at += arrays[one["name"]].nbytes + -arrays[one["name"]].nbytes % 8
    return arrays, about


def bytes_of(values: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Maps (map, row, column) as bytes, each over its own range, with the ends of the ranges."""
    low, high = values.min((1, 2)), values.max((1, 2))
    span = np.where(high > low, high - low, 1)
    scaled = (values - low[:, None, None]) / span[:, None, None]
    return np.rint(np.nan_to_num(scaled) * 255).astype(np.uint8), low, high


def plain(value: Any) -> Any:
    """Numbers, words, lists and tables as JSON has them; what is no number is nothing."""
    if isinstance(value, Mapping):
        return {str(key): plain(one) for key, one in value.items()}
    if isinstance(value, np.ndarray):
        return plain(value.tolist())
    if isinstance(value, list | tuple | set | frozenset | range):
        return [plain(one) for one in value]
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return value if value is None or isinstance(value, str | int | bool) else str(value)
