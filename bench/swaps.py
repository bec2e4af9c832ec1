"""How long answers take while a version is put in the place of another, beside how long they take otherwise.

    python bench/swaps.py MODEL CLIP [--swaps 6] [--clients 1 2 8] [--budget 45] [--out docs/benchmarks]

Clients ask one after the other without a pause (a closed loop). A request counts as one during a swap where a part of
it lay between the call that deploys and its end; before the first swap they ask for some seconds. No swap begins when
the budget of its row is spent, and the report is written row by row, in less than eight minutes. Nothing else should
run.
"""

from __future__ import annotations

import argparse
import os
import shutil
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from record import add_out, header, publish

from affekt.client import Client
from affekt.ensemble.trials import add_trials
from affekt.errors import AffektError
from affekt.serving.door.options import EngineName
from affekt.serving.rollout import carried_trials, deploy_ensemble
from affekt.serving.server import LocalServer

#: When a request began and when it was answered.
Span = tuple[float, float]
#: Seconds between two swaps, in which the version before is taken away.
_PAUSE = 1.5


@contextmanager
def asked_by(clients: int, url: str, clip: Path) -> Iterator[tuple[list[Span], list[str]]]:
    """Within it so many clients ask: when, and what failed."""
    stop, spans, failed = threading.Event(), list[Span](), list[str]()

    def ask() -> None:
        with Client(url, retries=0) as client:
            while not stop.is_set():
                began = time.monotonic()
                try:
                    client.predict(clip)
                    spans.append((began, time.monotonic()))
                except AffektError as error:
                    failed.append(str(error))

    threads = [threading.Thread(target=ask) for _ in range(clients)]
    for thread in threads:
        thread.start()
    try:
        yield spans, failed
    finally:
        stop.set()
        for thread in threads:
            thread.join()


def measured(
    engine: EngineName, model: Path, clip: Path, swaps: int, clients: int, seconds: float, budget: float
) -> str:
    """A row of the table."""
    trials = carried_trials(model)
    with LocalServer(model, engine=engine, watch=1.0) as server:
        with asked_by(clients, server.base, clip):
            time.sleep(3.0)  # the first answers also pay for imports
        with asked_by(clients, server.base, clip) as (spans, failed):
            changed = []
            quiet = time.monotonic()
            time.sleep(seconds)
            for number in range(swaps):
                began = time.monotonic()
                if changed and began - changed[0][0] > budget:
                    break
                deploy_ensemble(model, server.running_server(), version=f"swap-{number}", trials=trials)
                changed.append((began, time.monotonic()))
                time.sleep(_PAUSE)
    usual = [end - begin for begin, end in spans if begin >= quiet and end < changed[0][0]]
    during = [end - begin for begin, end in spans if any(begin < till and end > since for since, till in changed)]
    if not usual or not during:
        raise SystemExit(f"{engine}, {clients}: too few answers ({len(usual)}, {len(during)}); failed: {failed[:3]}")
    took = np.median([till - since for since, till in changed])
    cells = [f"{1000 * np.quantile(part, share):.0f}" for part in (usual, during) for share in (0.5, 0.99)]
    ratio = np.quantile(during, 0.99) / np.quantile(usual, 0.99)
    counts = f"{len(usual)}, {len(during)} | {len(changed)} | {took:.1f}"
    return f"| {engine}, {clients} | {counts} | {' | '.join(cells)} | {ratio:.2f} | {len(failed)} |"


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and write the report."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("model", type=Path, help="the folder of an ensemble")
    parser.add_argument("clip", type=Path)
    parser.add_argument("--swaps", type=int, default=6)
    parser.add_argument("--seconds", type=float, default=10.0, help="before the first swap")
    parser.add_argument("--budget", type=float, default=45.0, help="seconds for the swaps of a row")
    parser.add_argument("--clients", type=int, nargs="+", default=[1, 2, 8])
    parser.add_argument("--engine", choices=("torchserve", "direct"), nargs="+", default=["torchserve", "direct"])
    add_out(parser)
    options = parser.parse_args(arguments)
    rows: list[str] = []
    with tempfile.TemporaryDirectory() as temporary:
        model = Path(temporary) / "model"
        shutil.copytree(options.model, model)
        if not carried_trials(model):  # as what is trained carries them
            add_trials(model, [options.clip])
        for engine in options.engine:
            for clients in options.clients:
                rows.append(
                    measured(engine, model, options.clip, options.swaps, clients, options.seconds, options.budget)
                )
                publish(_report(rows), options.out, "swaps.md")


def _report(rows: Sequence[str]) -> str:
    load = f"Load of the machine at the end: {os.getloadavg()[0]:.1f}."
    text = [
        *header("Answers while versions change", "torch", "openvino", "torchserve", "uvicorn", more=load),
        "As many workers as the machine has cores. Each closed loop asks for some seconds, then while versions change.",
        "",
        "| engine, clients | requests before, during | swaps | seconds of a swap | p50 ms | p99 ms | p50 in swaps "
        "| p99 in swaps | p99 ratio | failed |",
        "|---|---|---:|---:|---:|---:|---:|---:|---:|---:|",
        *rows,
    ]
    return "\n".join(text) + "\n"


if __name__ == "__main__":
    main()
