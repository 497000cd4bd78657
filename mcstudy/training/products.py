"""Products of matrices of packs, in blocks whose sums stay in registers.

Every sum runs in ascending order, from its start on, and no blocking changes that.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from mcstudy import jit
from mcstudy.catalog.activations import ACTIVATIONS
from mcstudy.kernels.blocks import as_written, block_size, each, loads, outer_fma, stores
from mcstudy.kernels.pack import where

# A literal 1 would make a variant of `multiply_add` for this one caller.
ONE, ZERO = np.int64(1), np.int64(0)
_relu = ACTIVATIONS["relu"].function

PLAIN, RECTIFIED, GATED = np.int64(0), np.int64(1), np.int64(2)
"""What is done to the sums of `multiply_add` on their way to memory."""


@jit.scalar
def rectified(z: Any, same: Any) -> Any:
    """A ReLU of a pack, for `each`."""
    return _relu(z, 0.0, 0.0)[0]


@jit.scalar
def _gated(value: Any, f: Any) -> Any:
    return where(f <= 0.0, value * 0.0, value)


@jit.scalar
def _block(
    memory: Any, out: Any, start: Any, left: Any, right: Any, ending: Any, place: Any, rows: Any, columns: Any
) -> None:
    """A block of `multiply_add`; `place` is (row, column, inner), `rows` and `columns` are literal."""
    row, column, inner = place
    sums = loads(memory, start[0] + row * start[1] + column * start[2], start[1], rows, start[2], columns)
    p, q = left[0] + row * left[1], right[0] + column * right[2]
    for _ in range(inner):
        as_written()
        x, w = loads(memory, q, 0, 1, right[2], columns), loads(memory, p, left[1], rows, 0, 1)
        sums = outer_fma(w, x, sums)
        p, q = p + left[2], q + right[1]
    at = out[0] + row * out[1] + column * out[2]
    if ending[0] == RECTIFIED:
        sums = each(rectified, sums, sums)
    elif ending[0] == GATED:
        sums = each(_gated, sums, loads(memory, at + ending[1], out[1], rows, out[2], columns))
    stores(memory, at, out[1], rows, out[2], columns, sums)


@jit.scalar
def _rows(
    memory: Any,
    out: Any,
    start: Any,
    left: Any,
    right: Any,
    ending: Any,
    place: Any,
    rows: Any,
    wide: Any,
    narrow: Any,
) -> None:
    """All columns of some rows of `multiply_add`, in blocks of `wide` columns where registers hold them, of `narrow`
    ones, and single ones; `place` is (row, columns, inner), `rows`, `wide` and `narrow` are literal."""
    row, columns, inner = place
    column = ZERO
    if block_size(memory) >= rows * wide:
        while column + wide <= columns:
            _block(memory, out, start, left, right, ending, (row, column, inner), rows, wide)
            column += wide
    while column + narrow <= columns:
        _block(memory, out, start, left, right, ending, (row, column, inner), rows, narrow)
        column += narrow
    while column < columns:
        _block(memory, out, start, left, right, ending, (row, column, inner), rows, 1)
        column += 1


@jit.routine
def multiply_add(
    memory: Any, out: Any, start: Any, left: Any, right: Any, rows: Any, columns: Any, inner: Any, ending: Any
) -> None:
    """``out[r, c] = start[r, c] + sum over i of left[r, i] * right[i, c]``, in ascending order of i.

    Each matrix is a triple: address of its first pack, step from row to row, step from column to column. Blocks of
    sums hide the latency of the multiply-adds, as large as registers hold them.

    `ending` is (what is done to the sums, a number): nothing where PLAIN; RECTIFIED sums pass through a ReLU; GATED
    ones are multiplied by the slope of a ReLU whose value lies as many packs further on as the number says.
    """
    row = ZERO
    if block_size(memory) >= 16:
        while row + 4 <= rows:
            _rows(memory, out, start, left, right, ending, (row, columns, inner), 4, 4, 2)
            row += 4
    while row + 2 <= rows:
        _rows(memory, out, start, left, right, ending, (row, columns, inner), 2, 4, 2)
        row += 2
    if row < rows:
        _rows(memory, out, start, left, right, ending, (row, columns, inner), 1, 8, 4)
