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
from numba.core.caching import IndexDataCacheFile
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
    kept = _can_write(folder)
    with _cache_folder(folder):
        compiled: Any = numba.njit(error_model="numpy", nogil=True, cache=kept)(function)
    if kept:
        usual = compiled._cache._cache_file
        compiled._cache._cache_file = _Kept(usual._cache_path, usual._index_name[: -len(".nbi")], usual._source_stamp)
    made: F = compiled
    return made


class _Kept(IndexDataCacheFile):
    """The machine code of a function on disk: a file for each signature, and an index of these.

    Numba numbers the files. Of two processes that keep two signatures of one function at the same time, each takes the
    first number that is free, and the index may come from one and the file from the other: a third process, or one of
    these two, would then run float32 by the code for float64. Here a file is named by its signature and written before
    the index names it; what can be lost is an entry of the index, whose signature is then compiled once more.
    """

    def save(self, key: Any, data: Any) -> None:
        """Keep the machine code `data` of a signature, `key`."""
        name = self._data_name(int.from_bytes(hashlib.sha256(repr(key).encode()).digest()[:8]))
        self._save_data(name, data)
        self._save_index(self._load_index() | {key: name})


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
