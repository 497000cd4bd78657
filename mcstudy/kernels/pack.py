"""Packs: one value for each of several trials, held in SIMD registers, that kernels treat as a scalar.

A `Pack(element, lanes)` is a Numba type lowered to the LLVM vector ``<lanes x element>``. Arithmetic, comparison
and bit operators work lane by lane; a plain number beside a pack is converted to its element type and repeated.
Comparisons give packs of booleans, to be used with `where`, ``&``, ``|`` and ``~``.

In memory, an array of packs is a NumPy array of one-field records (`pack_array`), so that its dtype carries the
number of lanes into the compiled code and no kernel argument has to.

No operation here may be reordered or contracted: `fma` is written where a fused multiply-add is wanted, and a
product followed by a sum stays two roundings. That makes results equal on every CPU.
"""

from __future__ import annotations

from mcstudy.kernels import operators  # noqa: F401  packs get their operators
from mcstudy.kernels.functions import (
    absolute,
    as_bits,
    as_float,
    copysign,
    fma,
    multiply_high,
    pick,
    polynomial,
    sqrt,
    tiny,
    to_float,
    to_signed,
    where,
    widen,
)
from mcstudy.kernels.memory import (
    advance,
    filled,
    get,
    item,
    lane_count,
    load,
    pointer,
    put,
    rounded_to,
    store,
)
from mcstudy.kernels.types import Pack, Pointer, lane_view, pack_array

__all__ = [
    "Pack",
    "Pointer",
    "absolute",
    "advance",
    "as_bits",
    "as_float",
    "copysign",
    "filled",
    "fma",
    "get",
    "item",
    "lane_count",
    "lane_view",
    "load",
    "multiply_high",
    "pack_array",
    "pick",
    "pointer",
    "polynomial",
    "put",
    "rounded_to",
    "sqrt",
    "store",
    "tiny",
    "to_float",
    "to_signed",
    "where",
    "widen",
]
