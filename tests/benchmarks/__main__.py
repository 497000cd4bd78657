"""`python -m tests.benchmarks [NAME ...]`: see the package."""

from __future__ import annotations

import argparse
import os
from pathlib import Path

from mcstudy.engine.threads import available_threads

from . import machine, speed, tables
from .peer import Peer
from .rows import Row
from .workloads import WORKLOADS

HERE = Path(__file__).parent
NAMES = (*dict.fromkeys(each.name[0] for each in WORKLOADS),)


def peers() -> list[Peer]:
    """All of them, those that goals speak of first."""
    # XLA reads it once, when JAX is first imported: a host device for each core.
    os.environ.setdefault("XLA_FLAGS", f"--xla_force_host_platform_device_count={available_threads()}")
    from . import peer_jax, peer_keras, peer_numpy, peer_torch

    return [*peer_jax.PEERS, *peer_torch.PEERS, *peer_numpy.PEERS, *peer_keras.PEERS]


def main() -> None:
    """Measure, print, and write where asked to."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description="Speed of mcstudy and its peers.")
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"what to measure: {', '.join(NAMES)}")
    parser.add_argument("--pairs", type=int, default=5, help="runs of each side (default: 5)")
    parser.add_argument("--threads", type=int, help="of mcstudy (default: all cores)")
    parser.add_argument("--peers", metavar="WORD", help="only peers whose names have this word, as jax")
    arguments = parser.parse_args()
    wrong = [name for name in arguments.names if name not in NAMES]
    if wrong:
        parser.error(f"{', '.join(wrong)}: not one of {', '.join(NAMES)}")
    names = arguments.names or NAMES
    chosen = [peer for peer in peers() if (arguments.peers or "").lower() in peer.name.lower()]
    rows: list[Row] = []

    def tell(row: Row) -> None:
        rows.append(row)
        print(tables.line(row), flush=True)

    threads = arguments.threads or available_threads()
    peaks = {count: machine.peak(count) for count in dict.fromkeys((1, threads))}
    print(", ".join(f"peak of {count} threads: {most:.0f} GF/s" for count, most in peaks.items()), flush=True)
    for workload in WORKLOADS:
        if workload.name[0] in names:
            speed.measure(workload, chosen, arguments.pairs, arguments.threads, peaks[threads], tell)


if __name__ == "__main__":
    main()
