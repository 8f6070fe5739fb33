"""On what machine and with what software something was computed: what the last bits depend on."""

from __future__ import annotations

import os
import platform
import re
import sys
from collections.abc import Mapping
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch

#: Variables by which somebody chooses the code path of a mathematical library.
CHOICES = ("ATEN_CPU_CAPABILITY", "MKL_CBWR", "MKL_ENABLE_INSTRUCTIONS", "ONEDNN_MAX_CPU_ISA")
#: Of a record, what the bits of a run depend on. The number of threads is not among them.
MATTERS = ("versions", "machine", "device", "engine", "arithmetic")


def provenance(device: str, engine: str, arithmetic: str = "") -> dict[str, Any]:
    """What bitwise reproduction depends on, and what a reader wants to know. ``engine`` took the updates, with this
    ``arithmetic``."""
    packages = {name: version(name) for name in ("ontogeny", "torch", "numpy", "numba")}
    return {
        "versions": {"python": platform.python_version(), **packages},
        "machine": machine(),
        "threads": torch.get_num_threads(),
        "device": torch.cuda.get_device_name() if device.startswith("cuda") else "cpu",
        "engine": engine,
        "arithmetic": arithmetic,
        "command": " ".join(sys.argv[:1] and [Path(sys.argv[0]).name, *sys.argv[1:]]),
    }


@cache
def machine() -> dict[str, str]:
    """System, processor, the mathematics library and the instructions that it and PyTorch use here."""
    found = re.search(r"Math Kernel Library Version (\S+)", torch.__config__.show())
    chosen = [f"{name}={os.environ[name]}" for name in CHOICES if name in os.environ]
    return {
        "system": platform.platform(),
        "processor": processor(),
        "instructions": torch.backends.cpu.get_cpu_capability(),
        "mathematics": " ".join(["MKL", found[1]] if found else ["no MKL"]),
        **({"chosen": ", ".join(chosen)} if chosen else {}),
    }


def processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        return next(line.split(":", 1)[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()


def cores() -> int:
    """How many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def in_words() -> str:
    """The machine in one line, as tests and benchmarks name it."""
    here = machine()
    return (
        f"{here['processor']} ({here['instructions']}), {cores()} cores, {platform.system()}, Python {platform.python_version()}, "
        f"torch {version('torch')}, {here['mathematics']}"
        + (f", {here['chosen']}" if "chosen" in here else "")
    )


def differences(before: Mapping[str, Any], now: Mapping[str, Any]) -> str:
    """What the bits depend on and is another now, in words; "" if nothing is."""
    return "; ".join(f"{k}: {before.get(k)} → {now[k]}" for k in MATTERS if before.get(k) != now[k])
