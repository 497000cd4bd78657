"""What trials add up to: counts, histograms and a bit for each; made of rows, and stored instead of them.

The sums of two lots of trials are those of all their trials, so it makes no difference where they were cut.
"""

from mcstudy.sums.causes import CAUSES, COLUMNS
from mcstudy.sums.reading import Piece, covered, digest, endings, pieces, read, summed, summed_rows
from mcstudy.sums.summary import LAYOUT, Summary, Sums, median, pack, unpack

__all__ = [
    "CAUSES",
    "COLUMNS",
    "LAYOUT",
    "Piece",
    "Summary",
    "Sums",
    "covered",
    "digest",
    "endings",
    "median",
    "pack",
    "pieces",
    "read",
    "summed",
    "summed_rows",
    "unpack",
]
