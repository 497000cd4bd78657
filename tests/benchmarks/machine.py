"""The machine: what it is, and the most multiplications and additions it can do."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import re
import threading
from functools import partial
from pathlib import Path
from typing import Any

import numba
import numpy as np

from mcstudy import jit
from mcstudy.engine.threads import available_threads
from mcstudy.kernels.pack import fma, load, pack_array, pointer, store

from .timing import seconds

CHAINS = 12
ROUNDS = 150_000_000
INSTRUCTIONS = ("avx512f", "avx2", "fma", "neon", "sve")
PACKAGES = ("numpy", "numba", "llvmlite", "jax", "jaxlib", "torch", "keras")


@numba.njit(error_model="numpy", nogil=True)
def _chains(packs: Any, rounds: Any) -> None:
    """Twelve chains of fused multiply-adds that do not wait for each other: two units of latency four need eight."""
    m = pointer(packs)
    a, b = load(m, 0), load(m, 1)
    s0, s1, s2, s3 = load(m, 2), load(m, 3), load(m, 4), load(m, 5)
    s4, s5, s6, s7 = load(m, 6), load(m, 7), load(m, 8), load(m, 9)
    s8, s9, s10, s11 = load(m, 10), load(m, 11), load(m, 12), load(m, 13)
    for _ in range(rounds):
        s0, s1, s2, s3 = fma(s0, a, b), fma(s1, a, b), fma(s2, a, b), fma(s3, a, b)
        s4, s5, s6, s7 = fma(s4, a, b), fma(s5, a, b), fma(s6, a, b), fma(s7, a, b)
        s8, s9, s10, s11 = fma(s8, a, b), fma(s9, a, b), fma(s10, a, b), fma(s11, a, b)
    store(m, 0, s0 + s1 + s2 + s3 + s4 + s5 + s6 + s7 + s8 + s9 + s10 + s11)


def operations(threads: int) -> float:
    """How many float32 operations `multiply_add` does, a fused multiply-add being two."""
    return float(threads * ROUNDS * CHAINS * (jit.register_bytes() // 4) * 2)


def multiply_add(threads: int) -> None:
    """Do nothing but float32 multiplications and additions, some tenths of a second long."""
    packs = [pack_array(CHAINS + 2, np.float32, jit.register_bytes() // 4) for _ in range(threads)]
    pool = [threading.Thread(target=_chains, args=(pack, ROUNDS)) for pack in packs]
    for thread in pool:
        thread.start()
    for thread in pool:
        thread.join()


def peak(threads: int, repeats: int = 5) -> float:
    """The most float32 operations a second, in 10⁹: the best of some runs, after one that compiles."""
    multiply_add(threads)
    return operations(threads) / min(seconds(partial(multiply_add, threads)) for _ in range(repeats)) / 1e9


def description() -> dict[str, str]:
    """The processor, the system and the versions; nothing that names this one machine."""
    features = jit.cpu_features()
    lines = {
        "processor": _processor(),
        "cores": str(available_threads()),
        "instructions": ", ".join(name for name in INSTRUCTIONS if name in features) or "none of note",
        "system": f"{platform.system()} {platform.release().split('-')[0]}, {platform.machine()}",
        "python": platform.python_version(),
    }
    return lines | {name: _version(name) for name in PACKAGES}


class Others:
    """What other processes take of the machine from now on, where Linux tells it: a measurement wants it to itself."""

    def __init__(self) -> None:
        self._before = self._now()

    def percent(self) -> float | None:
        """Their percentage of all cores' time; None where it is not told."""
        now = self._now()
        if now is None or self._before is None:
            return None
        busy, idle, own = (after - before for after, before in zip(now, self._before, strict=True))
        return max(0.0, 100 * (busy - own) / (busy + idle))

    @staticmethod
    def _now() -> tuple[float, float, float] | None:
        """Seconds of all cores: busy, idle, and busy with this process and its children that have ended."""
        told = Path("/proc/stat")
        if not told.exists():
            return None
        ticks = [int(text) / os.sysconf("SC_CLK_TCK") for text in told.read_text().split("\n", 1)[0].split()[1:9]]
        idle = ticks[3] + ticks[4]
        return sum(ticks) - idle, idle, sum(os.times()[:4])


def _version(name: str) -> str:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return "not installed"


def _processor() -> str:
    """The model's name, with family and model number where Linux tells them: a guest's name may say little."""
    told = Path("/proc/cpuinfo")
    if not told.exists():
        return platform.processor() or platform.machine()
    text = told.read_text()
    found = {key: re.search(rf"^{key}\s*: (.*)$", text, re.M) for key in ("model name", "cpu family", "model")}
    known = {key: match[1].strip() for key, match in found.items() if match}
    numbers = ", ".join(f"{key.removeprefix('cpu ')} {known[key]}" for key in ("cpu family", "model") if key in known)
    return known.get("model name", platform.machine()) + (f" ({numbers})" if numbers else "")
