"""Functions of packs, applied to ordinary NumPy arrays."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import numba
import numpy as np

from mcstudy import jit
from mcstudy.kernels.pack import lane_view, load, pack_array, store


@cache
def _loop(function: Callable[..., Any], arguments: int, pair: bool) -> Callable[..., None]:
    compiled = numba.njit(error_model="numpy", nogil=True)
    if pair:

        @compiled
        def loop(first, out, second_out):  # type: ignore[no-untyped-def]
            for i in range(first.size):
                one, two = function(load(first, i))
                store(out, i, one)
                store(second_out, i, two)

    elif arguments == 1:

        @compiled
        def loop(first, out):  # type: ignore[no-untyped-def]
            for i in range(first.size):
                store(out, i, function(load(first, i)))

    elif arguments == 2:

        @compiled
        def loop(first, second, out):  # type: ignore[no-untyped-def]
            for i in range(first.size):
                store(out, i, function(load(first, i), load(second, i)))

    else:
        raise ValueError(f"no loop for {arguments} arguments")
    return loop


def packed(array: np.ndarray, lanes: int | None = None) -> np.ndarray:
    """A flat array as a `pack_array`, filled up with its last value; as many lanes as kernels use, unless given."""
    flat = np.ascontiguousarray(array).ravel()
    lanes = lanes or jit.pack_bytes() // flat.itemsize
    packs = pack_array(-(-flat.size // lanes), flat.dtype, lanes)
    lane_view(packs).reshape(-1)[:] = np.pad(flat, (0, -flat.size % lanes), mode="edge")
    return packs


def apply(
    function: Callable[..., Any], array: np.ndarray, *more: np.ndarray, pair: bool = False, lanes: int | None = None
) -> Any:
    """`function`, which takes packs, of every element of an array (and of others of equal shape).

    Args:
        function: a compiled function that gives a pack of the same element type.
        array: float32 or float64, any shape.
        more: further arguments.
        pair: whether `function` gives two packs.
        lanes: of the packs, as many as kernels use unless given; it changes no result.

    Returns:
        An array of the same shape; two of them for a pair.
    """
    arguments = [packed(a, lanes) for a in (array, *more)]
    results = [packed(np.zeros_like(array), lanes) for _ in range(2 if pair else 1)]
    _loop(function, len(arguments), pair)(*arguments, *results)
    flat = [lane_view(r).reshape(-1)[: array.size].reshape(array.shape) for r in results]
    return tuple(flat) if pair else flat[0]
