"""The record of every trial: shards of trial ranges, read in trial order whatever way they were cut.

A store keeps, per cell, rows of trials (`SCHEMA`, then any further numeric columns), the loss at each check of the
first few trials, and one manifest. `FolderStore` keeps them in a run folder as Parquet, `MemoryStore` in memory.
"""

from mcstudy.store.base import SCHEMA, DamagedError, Rows, Store, as_stored
from mcstudy.store.digest import DIGEST_LAYOUT, Digest
from mcstudy.store.folder import FolderStore
from mcstudy.store.listing import Shard
from mcstudy.store.memory import MemoryStore

__all__ = [
    "DIGEST_LAYOUT",
    "SCHEMA",
    "DamagedError",
    "Digest",
    "FolderStore",
    "MemoryStore",
    "Rows",
    "Shard",
    "Store",
    "as_stored",
]
