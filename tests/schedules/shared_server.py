"""A server that is asked all the while, for tests in which what it answers with changes."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import threading
from pathlib import Path

import requests

from affekt.client import Client
from tests.schedules.conftest import until

#: The longest that a training may take, seconds.
WAIT = 1200.0


class Asked:
    """``affekt serve`` and somebody who asks it all the time.

    Args:
        clips: that are asked about.
        log: what the server says.
        options: of the command.
        records: where it keeps what drift is told by; nowhere by default.
    """

    def __init__(self, clips: list[str], log: Path, *options: str, records: Path | None = None) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.url = f"http://127.0.0.1:{free.getsockname()[1]}"
        command = [sys.executable, "-m", "affekt", "serve", "--workers", "1", *options]
        with log.open("wb") as said:
            self.process = subprocess.Popen(
                [*command, "--port", self.url.rpartition(":")[2]], stdout=said, stderr=said,
                env={**os.environ, **({"AFFEKT_RECORDS": str(records)} if records else {})},
            )  # fmt: skip
        until(self._ready, 300)
        self.versions: list[str] = []
        self.faults: list[Exception] = []
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._ask, args=(clips,))
        self._thread.start()

    def _ready(self) -> bool:
        try:
            return requests.get(f"{self.url}/v2/health/ready", timeout=2).ok
        except requests.RequestException:
            return False

    def _ask(self, clips: list[str]) -> None:
        with Client(self.url) as asking:
            number = 0
            while not self._stop.wait(0.5):
                try:
                    answer = asking.predict(clips[number % len(clips)])
                    self.versions.append(str(answer.model["version"]))
                except Exception as error:
                    self.faults.append(error)
                number += 1

    def until_it_is(self, version: int) -> None:
        until(lambda: self.versions and self.versions[-1] == str(version), WAIT)

    def close(self) -> None:
        self._stop.set()
        self._thread.join()
        self.process.terminate()
        self.process.wait(60)
