"""Answers of a server: start to ready, one after the other, several at once, and at a fixed rate, by each engine.

    python bench/serve.py MODEL CLIP [--requests 40] [--clients 4] [--code TREE [--code-model FOLDER]]
        [--out docs/benchmarks]

The closed loop waits for each answer before it asks again; the open loop asks at half the rate that the closed loop
reached, whether answers come or not, and counts from when a request was due. In the process itself, without a server,
is measured beside them, in turns with PyTorch and with another commit's code, and so are networks of full size. CPU is
that of the server's whole process tree, per answer.
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import psutil
from record import add_out, header, publish
from serve_beside import Asked, answers, networks

from affekt.client import Client
from affekt.ensemble import Ensemble
from affekt.serving.server import LocalServer


def measured(ask: Callable[[], object], requests: int, clients: int) -> tuple[list[float], float]:
    """Seconds of each request of a closed loop, and requests a second."""

    def one(_: int) -> float:
        began = time.perf_counter()
        ask()
        return time.perf_counter() - began

    began = time.perf_counter()
    with ThreadPoolExecutor(clients) as pool:
        seconds = list(pool.map(one, range(requests)))
    return seconds, requests / (time.perf_counter() - began)


def open_loop(ask: Callable[[], object], requests: int, rate: float) -> list[float]:
    """Seconds from when each request was due, at a fixed rate."""
    began = time.perf_counter()

    def one(number: int) -> float:
        due = began + number / rate
        time.sleep(max(0.0, due - time.perf_counter()))
        ask()
        return time.perf_counter() - due

    with ThreadPoolExecutor(requests) as pool:
        return list(pool.map(one, range(requests)))


def used(process: int) -> float:
    """Processor seconds of a process and all below it."""
    tree = [psutil.Process(process), *psutil.Process(process).children(recursive=True)]
    return float(sum(sum(each.cpu_times()[:2]) for each in tree))


def row(name: str, seconds: list[float], rate: float | None, cpu: float | None) -> str:
    """One line of the table."""
    p50, p95, p99 = (f"{1000 * np.quantile(seconds, share):.0f}" for share in (0.5, 0.95, 0.99))
    return (
        f"| {name} | {p50} | {p95} | {p99} | {'' if rate is None else f'{rate:.2f}'} | "
        + ("" if cpu is None else f"{1000 * cpu:.0f}")
        + " |"
    )


def models_of(folder: Path) -> str:
    """The names of an ensemble's models."""
    return ", ".join(sorted(each.name for each in (folder / "members").iterdir()))


def main() -> None:
    """Measure and write the report."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("model", type=Path, help="the folder of an ensemble")
    parser.add_argument("clip", type=Path)
    parser.add_argument("--requests", type=int, default=40)
    parser.add_argument("--clients", type=int, default=4)
    parser.add_argument("--code", type=Path, help="another commit's tree or installation, to be asked in turns")
    parser.add_argument("--code-model", type=Path, help="what that code answers with, where it cannot read MODEL")
    add_out(parser)
    options = parser.parse_args()
    loaded = Ensemble.load(options.model)
    loaded.predict_file(options.clip)
    here, rate = measured(lambda: loaded.predict_file(options.clip), options.requests, 1)
    rows, starts = [row("in the process, one after the other", here, rate, None)], []
    for engine in ("torchserve", "direct"):
        began = time.perf_counter()
        with LocalServer(options.model, engine=engine) as server, Client(server.base) as client:
            starts.append(f"- {engine}: ready after {time.perf_counter() - began:.1f} s")

            def ask(client: Client = client) -> object:
                return client.predict(options.clip)

            measured(ask, 2 * options.clients, options.clients)  # the first answers also pay for imports
            process = server.running_server().process
            for clients in (1, options.clients):
                before = used(process)
                seconds, rate = measured(ask, options.requests, clients)
                cpu = (used(process) - before) / options.requests
                rows.append(row(f"{engine}, {clients} at once", seconds, rate, cpu))
            late = open_loop(ask, options.requests, rate / 2)
            rows.append(row(f"{engine}, {rate / 2:.2f} a second", late, None, None))
    load = f"Load of the machine at the end: {os.getloadavg()[0]:.1f}."
    of_code = options.code_model or options.model
    ways = {"code": Asked(of_code, options.clip, options.code)} if options.code else {}
    ways["PyTorch"] = Asked(options.model, options.clip, AFFEKT_INFERENCE="torch")
    ways["graphs"] = Asked(options.model, options.clip)
    text = [
        *header("Answers of a server", "torch", "openvino", "torchserve", "uvicorn", "starlette", more=load),
        "",
        f"{options.requests} requests each, one clip of {options.clip.stat().st_size:,} bytes. "
        f"Models: {models_of(options.model)}."
        + (f" The other code's: {models_of(of_code)}." if options.code_model else ""),
        "",
        *starts,
        "",
        "| | p50 ms | p95 ms | p99 ms | answers a second | CPU ms an answer |",
        "|---|---|---|---|---|---|",
        *rows,
        "",
        *answers(ways, options.requests),
        "",
        *networks(),
    ]
    publish("\n".join(text) + "\n", options.out, "serve.md")


if __name__ == "__main__":
    main()
