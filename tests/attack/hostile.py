"""Hostile files by a grammar: pickles of any operations, headers of safetensors, members of zip files, TOML. Whatever comes, it is
imported or refused with one sentence, within memory and time, and nothing is executed or written elsewhere."""

from __future__ import annotations

import io
import json
import os
import pickletools
import random
import struct
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

GLOBALS = (
    b"posix\nsystem\n", b"builtins\neval\n", b"builtins\ngetattr\n", b"os\nsystem\n", b"torch._utils\n_rebuild_tensor_v2\n",
    b"torch.storage\n_load_from_bytes\n", b"collections\nOrderedDict\n", b"builtins\nbytearray\n", b"builtins\ndict\n",
    b"builtins\nset\n", b"torch\nFloatStorage\n", b"numpy\ndtype\n", b"numpy\nndarray\n", b"numpy.core.multiarray\n_reconstruct\n",
    b"numpy.core.multiarray\nscalar\n", b"_codecs\nencode\n", b"subprocess\nPopen\n", b"importlib\nimport_module\n",
)  # fmt: skip
WORDS = (b"touch ran", b"weights", b"models", b"step", b"data", b"\xff" * 8, b"", b"p", b"bi_linear.weight")
NUMBERS = (0, 1, -1, 2, 113, 2**31 - 1, 2**31, -(2**63), 2**62, 6 * 10**9)
KEYWORDS = ("task", "architecture", "run", "steps", "varied", "split", "names", "kind", "metrics", "seeds")
VALUES = ("1", "-1", "nan", "inf", '"modular_addition"', '"../../x"', '"{step}"', "[]", "{}", "[[1, 2]]", "1e300", "true", '"x-{step}.safetensors"', "[" * 300 + "]" * 300)  # fmt: skip


def pickled(draw: random.Random) -> bytes:
    """A pickle of random operations with arguments of the right form; some are cut, or have a byte turned."""
    parts = [b"\x80", bytes([draw.choice((2, 3, 4, 5))])]
    for _ in range(draw.randrange(1, 60)):
        op = draw.choice(pickletools.opcodes)
        if op.name in ("STOP", "PROTO"):
            continue
        parts += [op.code.encode("latin1"), _argument(op, draw)]
    return b"".join(parts) + b"."


def shaped(draw: random.Random) -> bytes:
    """Nearly what somebody would bring: {name: something called with something}."""
    name, call = draw.choice(WORDS), draw.choice(GLOBALS)
    number = struct.pack("<i", draw.choice(NUMBERS) & 0x7FFFFFFF)
    said = b"X" + struct.pack("<I", len(name)) + name
    argument = draw.choice((b"J" + number, said, b"]", b"}", b"N", b"(J" + number + said + b"t"))
    return (
        b"\x80\x04}"
        + said
        + b"c"
        + call
        + argument
        + b"\x85R"
        + draw.choice((b"", b"}b", b"]b", b"J" + number + b"b"))
        + b"s."
    )


def _argument(op: pickletools.OpcodeInfo, draw: random.Random) -> bytes:
    if op.arg is None:
        return b""
    n, number, word = op.arg.n, draw.choice(NUMBERS), draw.choice(WORDS)
    if op.name in ("GLOBAL", "INST"):
        return draw.choice(GLOBALS)
    if n >= 0:
        return (number & (2 ** (8 * n) - 1)).to_bytes(n, "little") if n else b""
    if n == pickletools.UP_TO_NEWLINE:
        return draw.choice((str(number).encode(), word.replace(b"\n", b""), b"'x'")) + b"\n"
    width = {pickletools.TAKEN_FROM_ARGUMENT1: 1, pickletools.TAKEN_FROM_ARGUMENT8U: 8}.get(n, 4)
    length = len(word) if draw.random() < 0.8 else number & (2 ** (8 * width - 1) - 1)
    return length.to_bytes(width, "little") + word


def safetensors(draw: random.Random) -> bytes:
    """A header with sizes, shapes, dtypes and offsets that need not agree with each other or with the file."""
    header: dict[str, object] = {}
    for _ in range(draw.randrange(0, 4)):
        shape = [draw.choice((0, 1, 2, 3, 10**6, 2**40, -1)) for _ in range(draw.randrange(0, 4))]
        offsets = sorted(draw.choice((0, 4, 8, 24, 2**40)) for _ in range(2))
        entry: dict[str, object] = {
            "dtype": draw.choice(("F32", "F64", "I64", "BOOL", "F8", "??")),
            "shape": shape,
            "data_offsets": offsets,
        }
        header[draw.choice(("bi_linear.weight", "projection.weight", "embed.W_E", "a/b", "", "../x"))] = entry
    if draw.random() < 0.4:
        header["__metadata__"] = draw.choice(
            ({"steps": "[0"}, {"steps": "[0, 1]", "digests": "[]"}, {"a": 1}, [])
        )
    text = json.dumps(header).encode()
    length = len(text) if draw.random() < 0.8 else draw.choice(NUMBERS) & (2**63 - 1)
    return struct.pack("<Q", length) + text + bytes(draw.randrange(0, 40))


def zipped(draw: random.Random) -> bytes:
    """An archive like a torch file or a bundle: names that lead elsewhere, members that are large, twice there, or pickles."""
    buffer = io.BytesIO()
    names = ("x/data.pkl", "x/data/0", "manifest.json", "../evil", "study.toml", "runs/a/run.json", "/tmp/evil", "x/byteorder", "a" * 300, "runs", "runs/a")  # fmt: skip
    with zipfile.ZipFile(buffer, "w", draw.choice((zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED))) as archive:
        for _ in range(draw.randrange(1, 5)):
            name = draw.choice(names)
            blob = draw.choice((pickled(draw), shaped(draw), toml(draw), bytes(draw.choice((0, 10, 2**22)))))
            if name == "manifest.json":
                files = {
                    n: {"size": draw.choice((0, 5, 2**40)), "sha256": "0" * 64} for n in draw.sample(names, 2)
                }
                about = {
                    "format": "ontogeny bundle",
                    "version": draw.choice((1, 2, "inf", 1e400, None)),
                    "files": files,
                }
                blob = json.dumps(about).encode()
            if name not in archive.namelist():
                archive.writestr(name, blob)
    return buffer.getvalue()


def toml(draw: random.Random) -> bytes:
    """Tables and keys that a recipe or a folder's runs.toml has, with values that they have not."""
    lines = []
    for _ in range(draw.randrange(1, 8)):
        key, value = draw.choice(KEYWORDS), draw.choice(VALUES)
        lines.append(
            draw.choice(
                (
                    f"[{key}]",
                    f"[[{key}]]",
                    f"{key} = {value}",
                    f"{key}.kind = {value}",
                    f"{key} = {{ {key} = {value} }}",
                )
            )
        )
    return "\n".join(lines).encode()


GRAMMARS: dict[str, Callable[[random.Random], bytes]] = {
    "pickle": pickled, "pickle that is nearly right": shaped, "safetensors": safetensors, "zip": zipped, "toml": toml,
}  # fmt: skip


@dataclass(frozen=True)
class Met:
    """What became of one file: "imported", the class of the error that was said, or what should not be."""

    kind: str
    became: str
    wrong: str = ""


def damaged(blob: bytes, draw: random.Random) -> bytes:
    """As it is, cut, or with bytes turned."""
    if draw.random() < 0.6 or not blob:
        return blob
    if draw.random() < 0.5:
        return blob[: draw.randrange(len(blob))]
    turned = bytearray(blob)
    for _ in range(draw.randrange(1, 4)):
        turned[draw.randrange(len(turned))] ^= 1 << draw.randrange(8)
    return bytes(turned)


def meet(kind: str, blob: bytes, place: Path) -> Met:
    """Import the file as a user would. Anything but a UserError is wrong, and so is a trace of anything else."""
    from ontogeny.errors import UserError
    from ontogeny.interop.bring import bring

    place.mkdir(parents=True)
    path = place / "file"
    if kind == "toml":
        path.mkdir()
        (path / "runs.toml").write_bytes(blob)
    else:
        path.write_bytes(blob)
    here = Path.cwd()
    os.chdir(place)
    try:
        bring(path, place / "out")
        became, wrong = "imported", ""
    except UserError as error:
        became, wrong = type(error).__name__, "" if str(error) else "an error without a word"
    except BaseException as error:
        became, wrong = "traceback", f"{type(error).__name__}: {error}"
    finally:
        os.chdir(here)
    strange = sorted(p.name for p in place.iterdir() if p.name not in ("file", "out"))
    if strange or Path("/tmp/evil").exists() or (place.parent / "evil").exists():
        wrong += f" it left {strange}"
    return Met(kind, became, wrong)


def campaign(files: int, seed: int = 0) -> Iterator[tuple[str, bytes]]:
    """``files`` files, grammar by grammar; the same for the same seed."""
    draw = random.Random(seed)
    for i in range(files):
        kind = list(GRAMMARS)[i % len(GRAMMARS)]
        blob = GRAMMARS[kind](draw)
        yield kind, damaged(blob, draw)
