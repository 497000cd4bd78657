"""`python -m tests.benchmarks [NAME ...]`: see the package."""

from __future__ import annotations

import argparse
import datetime
import os
import sys
from collections.abc import Callable
from pathlib import Path

from mcstudy.engine.threads import available_threads

from . import commands, conditions, figure, machine, speed, tables
from .peer import Peer
from .rows import Row
from .workloads import WORKLOADS

HERE = Path(__file__).parent
LETTERS = (*dict.fromkeys(each.name[0] for each in WORKLOADS),)
NAMES = (*LETTERS, "F", "G", "sweep", "precision", "denormals", "threads", "scale", "import")


def peers() -> list[Peer]:
    """All of them, those that goals speak of first."""
    # XLA reads it once, when JAX is first imported: a host device for each core.
    os.environ.setdefault("XLA_FLAGS", f"--xla_force_host_platform_device_count={available_threads()}")
    from . import peer_jax, peer_keras, peer_numpy, peer_torch

    return [*peer_jax.PEERS, *peer_torch.PEERS, *peer_numpy.PEERS, *peer_keras.PEERS]


def main() -> None:
    """Measure, print, and write where asked to."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description="Speed of mcstudy and its peers.")
    parser.add_argument(
        "names",
        nargs="*",
        metavar="NAME",
        help=f"what to measure: {', '.join(NAMES)}, or a workload's whole name (default: all)",
    )
    parser.add_argument("--pairs", type=int, default=5, help="runs of each side (default: 5)")
    parser.add_argument("--threads", type=int, help="of mcstudy (default: all cores)")
    parser.add_argument("--peers", metavar="WORD", default="", help="only peers whose names have this word, as jax")
    parser.add_argument("--most", type=int, default=6, help="scale goes up to 10 to this power of trials (default: 6)")
    parser.add_argument(
        "--write", action="store_true", help="put the rows into results.md, .csv and .png beside this file"
    )
    arguments = parser.parse_args()
    wrong = [name for name in arguments.names if name not in (*NAMES, *(each.name for each in WORKLOADS))]
    if wrong or arguments.pairs < 1:
        parser.error(f"{', '.join(wrong)}: not one of {', '.join(NAMES)}" if wrong else "--pairs has to be at least 1")
    names, pairs, threads = arguments.names or NAMES, arguments.pairs, arguments.threads
    chosen = [peer for peer in peers() if arguments.peers.lower() in peer.name.lower()]
    rows: list[Row] = []
    others = machine.Others()

    def tell(row: Row) -> None:
        rows.append(row)
        print(tables.line(row), flush=True)

    workers = threads or available_threads()
    peaks = {count: machine.peak(count) for count in dict.fromkeys((1, workers))}
    for name, text in machine.description().items():
        print(f"{name:15} {text}")
    for count, most in peaks.items():
        print(f"peak of {count} thread{'s' * (count > 1)}: {most:.0f}·10⁹ float32 operations a second", flush=True)
    for workload in WORKLOADS:
        if workload.name in names or workload.name[0] in names:
            speed.measure(workload, chosen, pairs, threads, tell)
    rest: dict[str, Callable[[], None]] = {
        "F": lambda: commands.whole_study(pairs, threads, tell),
        "G": lambda: commands.first_command(threads, tell),
        "sweep": lambda: conditions.sweep(pairs, threads, tell),
        "precision": lambda: conditions.precision(pairs, threads, tell),
        "denormals": lambda: conditions.denormals(pairs, threads, tell),
        "threads": lambda: conditions.threads_gain(pairs, workers, tell),
        "scale": lambda: conditions.scale(pairs, threads, arguments.most, tell),
        "import": lambda: commands.import_time(pairs, tell),
    }
    for name, measure in rest.items():
        if name in names:
            measure()
    load = others.percent()
    known = machine.description() | (
        {} if load is None else {"other processes": f"{load:.1f} % of all cores meanwhile"}
    )
    print(f"other processes took {load:.1f} % of all cores meanwhile" if load is not None else "")
    if arguments.write:
        if (HERE / "results.csv").exists():
            rows = tables.merged(tables.from_csv((HERE / "results.csv").read_text(encoding="utf-8")), rows)
        command = " ".join(["python -m tests.benchmarks", *sys.argv[1:]])
        day = datetime.datetime.now(datetime.UTC).date().isoformat()
        text = tables.markdown(rows, known, peaks, command, day)
        (HERE / "results.md").write_text(text, encoding="utf-8")
        (HERE / "results.csv").write_text(tables.as_csv(rows), encoding="utf-8")
        (HERE / "results.png").write_bytes(figure.draw(rows))


if __name__ == "__main__":
    main()
