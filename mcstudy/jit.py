"""The only place with Numba options, and why each is set.

- ``error_model="numpy"``: a division by zero gives inf or nan, as everywhere else in the kernels, and no branch.
- ``nogil=True`` on entry points: worker threads run kernels side by side.
- no ``fastmath``: it would let LLVM reorder sums and drop NaN checks, so that results depend on the CPU.
- ``cache=True`` on entry points alone: callees are linked into them. Numba decides by the *entry's* file whether
  cached machine code is current, so an edit in a callee's file would run the old code. Hence the cache folder is
  named by a hash of all kernel sources and of the versions of numba and llvmlite.
"""

from __future__ import annotations

import hashlib
import os
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

import llvmlite
import llvmlite.binding
import numba
from numba.core.codegen import JITCodeLibrary
from numba.core.compiler import Compiler

F = TypeVar("F", bound=Callable[..., Any])

_PACKAGE = Path(__file__).parent
_CACHE_LOCK = threading.Lock()
_INTERNAL = {"no_cpython_wrapper": True, "no_cfunc_wrapper": True, "_nrt": False}
KERNEL_SOURCES = ("jit.py", "parts.py", "kernels/*.py", "catalog/**/*.py", "training/*.py")


class _Part(JITCodeLibrary):
    """The code of a function that only compiled functions call, as it was written: what it is linked into optimises it.

    Numba's own libraries are optimised and turned into machine code each by itself, and then once more in each caller.
    """

    def finalize(self) -> None:
        for library in dict.fromkeys(self._linking_libraries):
            self._final_module.link_in(library._get_module_for_linking(), preserve=True)
        self._finalized = True


class _PartCompiler(Compiler):
    """Numba's compiler, for a `_Part`."""

    def compile_extra(self, func: Callable[..., Any]) -> Any:
        target, self.state.library = self.state.targetctx, _Part(self.state.targetctx.codegen(), func.__qualname__)
        self.state.flags.no_compile = True  # Python is given no entry point
        compiled = super().compile_extra(func)._replace(entry_point=[].pop)  # of its own; callers find it by that
        target.insert_user_function(compiled.entry_point, compiled.fndesc, [compiled.library])
        return compiled


def scalar(function: F) -> F:
    """Compile a function as part of each of its callers: LLVM copies its code into theirs."""
    compiled: F = numba.njit(error_model="numpy", forceinline=True, pipeline_class=_PartCompiler, **_INTERNAL)(function)
    return compiled


def routine(function: F) -> F:
    """Compile a large function, called from several places, by itself."""
    compiled: F = numba.njit(error_model="numpy", forceinline=False, pipeline_class=_PartCompiler, **_INTERNAL)(
        function
    )
    return compiled


def entry(function: F) -> F:
    """Compile a function that Python calls, and keep its machine code on disk where the cache folder can be written.

    Otherwise there is no cache at all: numba would fall back to the folder of the source, where it goes stale.
    """
    folder = kernel_cache()
    with _cache_folder(folder):
        compiled: F = numba.njit(error_model="numpy", nogil=True, cache=_can_write(folder))(function)
    return compiled


@cache
def kernel_hash() -> str:
    """SHA-256 (hex) of all kernel sources and of the compiler's versions."""
    digest = hashlib.sha256(f"numba {numba.__version__} llvmlite {llvmlite.__version__}".encode())
    for pattern in KERNEL_SOURCES:
        for path in sorted(_PACKAGE.glob(pattern)):
            digest.update(path.relative_to(_PACKAGE).as_posix().encode() + b"\0")
            digest.update(path.read_bytes() + b"\0")
    return digest.hexdigest()


def kernel_cache() -> Path:
    """Folder of compiled kernels: ``$MCSTUDY_CACHE``, else the user's cache folder, below it the kernel hash."""
    chosen = os.environ.get("MCSTUDY_CACHE")
    if chosen:
        base = Path(chosen)
    elif sys.platform == "win32":
        base = Path(os.environ.get("LOCALAPPDATA", Path.home())) / "mcstudy"
    else:
        base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "mcstudy"
    return base / "kernels" / kernel_hash()[:16]


@cache
def _can_write(folder: Path) -> bool:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            return True
    except OSError:
        return False


@contextmanager
def _cache_folder(folder: Path) -> Iterator[None]:
    # Numba reads the setting when a function is decorated; other users of numba in this process keep theirs.
    with _CACHE_LOCK:
        before = numba.config.CACHE_DIR
        numba.config.CACHE_DIR = str(folder)
        try:
            yield
        finally:
            numba.config.CACHE_DIR = before


@cache
def cpu_features() -> frozenset[str]:
    """Names of the CPU features that kernels are compiled for (numba's environment variables are honoured)."""
    chosen = numba.config.CPU_FEATURES
    if chosen is not None:
        return frozenset(name[1:] for name in chosen.split(",") if name.startswith("+"))
    if numba.config.CPU_NAME == "generic":
        return frozenset()
    return frozenset(name for name, present in llvmlite.binding.get_host_cpu_features().items() if present)


@cache
def register_bytes() -> int:
    """Bytes of a vector register of the CPU that kernels are compiled for. It never changes a result."""
    features = cpu_features()
    if "avx512f" in features:
        return 64
    return 32 if "fma" in features else 16


@cache
def register_count() -> int:
    """How many vector registers kernels should fill: no more than there are, few where a multiply-add is a call."""
    features = cpu_features()
    if "avx512f" in features or "neon" in features:
        return 32
    return 16 if "fma" in features else 8


@cache
def pack_bytes() -> int:
    """Bytes of a pack: the number of trials that one kernel pass trains side by side. It never changes a result.

    Wide packs hide the latency of fused multiply-adds and spread loop overhead over more trials; without fused
    multiply-add in hardware every lane becomes a function call, and wide packs only cost compile time.
    """
    features = cpu_features()
    if "avx512f" in features:
        return 256
    if "fma" in features or "neon" in features:
        return 128
    return 16
