"""Trains a member in this process, or a network in several under torchrun: one for each CUDA device."""

from __future__ import annotations

import contextlib
import json
import logging
import os
import re
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any

from affekt import events, lifeline, machine, storage
from affekt.counted import counted
from affekt.dataset import in_order
from affekt.errors import AffektError
from affekt.extensions import model_spec
from affekt.media import FaceSet, PreparedIndex
from affekt.patience import as_a_step
from affekt.settings import Settings, settings_from_json
from affekt.steps.heard import Heard
from affekt.steps.step import step
from affekt.steps.training_job import Job
from affekt.store.entries import Store
from affekt.training.given import Given
from affekt.training.sitting_out import train_or_sit_out
from affekt.trainjob.place import nodes_described

if TYPE_CHECKING:
    from affekt.training.distributed import World

logger = logging.getLogger(__name__)

#: Number of processes; without it there are as many as CUDA devices that can share the batch evenly, or one.
PROCESSES = "AFFEKT_PROCESSES"
#: Seconds that the processes have to write a checkpoint after SIGTERM.
_GRACE = 120


def launch(job: Job, log: Any = None) -> None:
    """Train a member, in several processes where there are several devices, on other nodes where these are described.

    Args:
        job: what to train.
        log: receives metrics and the iteration, as :data:`affekt.training.given.Log`, whichever process they come from.

    Raises:
        AffektError: what the training raised, in whichever process; or a process died.
        SystemExit: SIGTERM came; the checkpoint is written.
    """
    if place := nodes_described():
        from affekt.steps.train_on_nodes import train_on_nodes  # heavy: the client of Kubernetes, and an extra

        train_on_nodes(job, place, log)
        return
    count = processes(job.member, settings_from_json(job.settings))
    if count == 1:
        train(job, log)
        return
    logger.info("%s: %d processes train together", job.member, count)
    with tempfile.TemporaryDirectory(prefix="affekt-") as folder:
        path = Path(folder, "job.json")
        path.write_text(json.dumps(asdict(job)), encoding="utf-8")
        torchrun = lifeline.command("torch.distributed.run", ["--standalone", f"--nproc-per-node={count}"])
        threads = str(max(1, machine.whole_cores() // count))
        running = subprocess.Popen(
            [*torchrun, f"--shutdown-timeout={_GRACE}", "-m", "affekt.steps.train_member", str(path)],
            env={"OMP_NUM_THREADS": threads, **os.environ, **lifeline.environment(), events.LISTENED: "1"},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
        )
        with _ended_with_us(running) as ended:
            _listen(running, log, count, ended)


def processes(member: str, settings: Settings) -> int:
    """How many processes train a member: ``AFFEKT_PROCESSES``, else one for each CUDA device.

    A model that several cannot train together has one.

    Raises:
        AffektError: the variable is not a number, or so many cannot share a batch evenly.
    """
    if not model_spec(member).processes:
        return 1
    from affekt.training.distributed import World  # heavy: torch, which a model of the voice needs nowhere

    group = settings.models[member]
    wanted = os.environ.get(PROCESSES, "")
    if wanted:
        if not re.fullmatch(r"[1-9]\d*", wanted):
            raise AffektError(f"{PROCESSES} is {wanted!r}; expected a number from 1 on", code="processes")
        World(0, int(wanted)).micro_batch(group.batch_size, group.micro_batch)
        return int(wanted)
    if settings.device == "cpu":
        return 1
    import torch  # heavy: torch

    devices = torch.cuda.device_count()
    for count in range(devices, 1, -1):
        with contextlib.suppress(AffektError):
            World(0, count).micro_batch(group.batch_size, group.micro_batch)
            if count < devices:
                logger.warning(
                    "%s: %d of %s, as more cannot share a batch evenly", member, count, counted(devices, "devices")
                )
            return count
    return 1


def train(job: Job, log: Any = None, keep: Callable[[Path], None] | None = None) -> None:
    """Train a member in this process, together with the others of torchrun where it is one of theirs.

    Args:
        job: what to train.
        log: receives metrics and the iteration.
        keep: receives the member's folder on this machine when it is complete; only in the first process.
    """
    settings = settings_from_json(job.settings)
    with contextlib.ExitStack() as stack:
        prepared = stack.enter_context(_here(job.prepared))
        index = PreparedIndex.read(prepared)
        faces = FaceSet.read(stack.enter_context(_here(job.faces))) if job.faces else None
        if index.unit == "images":  # which are learned from as further images are, and there are no clips
            index, faces = PreparedIndex(()), FaceSet.read(prepared)
        out, remote = Path(job.out), storage.is_remote(job.out)
        if remote:
            out = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="affekt-")), job.member)
        given = Given(
            job.member,
            index=index,
            store=Store(job.store, settings.media),
            settings=settings,
            labels=index.labels or in_order(filter(None, faces.labels if faces else ())),
            out=out,
            faces=faces,
            needs={name: stack.enter_context(_here(uri)) for name, uri in job.needs.items()},
            log=log,
            checkpoints=job.checkpoints,
        )
        train_or_sit_out(given)
        if not model_spec(job.member).processes or _first():
            if keep:
                keep(out)
            if remote:
                storage.upload_folder(out, job.out)


def _first() -> bool:
    """Whether this process is the one that writes."""
    from affekt.training.distributed import World  # heavy: torch, which a model of the voice needs nowhere

    return World.here().first


@contextlib.contextmanager
def _here(uri: str) -> Iterator[Path]:
    """A folder on this machine; what had to be fetched is removed afterwards."""
    if not storage.is_remote(uri):
        yield Path(uri)
        return
    with tempfile.TemporaryDirectory(prefix="affekt-") as folder:
        yield storage.download_folder(uri, Path(folder, "fetched"))


@contextlib.contextmanager
def _ended_with_us(running: subprocess.Popen[str]) -> Iterator[threading.Event]:
    """Pass SIGTERM on to torchrun, which passes it on to its processes; the event says that it came."""
    ended = threading.Event()

    def end(number: int, frame: FrameType | None) -> None:
        ended.set()
        running.terminate()

    main = threading.current_thread() is threading.main_thread()
    before = signal.signal(signal.SIGTERM, end) if main else None
    try:
        yield ended
    finally:
        if main:
            signal.signal(signal.SIGTERM, before)
        if running.poll() is None:
            running.terminate()
        running.wait()


def _listen(running: subprocess.Popen[str], log: Any, count: int, ended: threading.Event) -> None:
    """Hand on what the processes report until they are done, and raise what they raised."""
    heard = Heard(log)
    assert running.stdout is not None
    for line in running.stdout:
        heard.line(line.rstrip("\n"))
    code = running.wait()
    if ended.is_set() or heard.stopped:
        raise SystemExit(128 + signal.SIGTERM)
    if heard.error:
        raise heard.error
    if code:
        last = heard.last_words
        cause = re.findall(r"Root Cause.*?rank\s*:\s*(\d+).*?exitcode\s*:\s*(-?\d+)", last, re.DOTALL)
        who = f"process {cause[-1][0]} of {count} ended with exit code {cause[-1][1]}" if cause else "torchrun failed"
        raise AffektError(
            f"{who}, and the training with it; start it again to go on from the last checkpoint. "
            f"Its last words:\n{last}",
            code="process_died",
        )


def main(path: str) -> None:
    """One process of torchrun, here or as a job of a cluster.

    Args:
        path: a :class:`Job` as JSON, a file or an ``s3://`` uri.
    """
    from affekt.training.distributed import joined  # heavy: torch

    if events.listened():  # torchrun was started by a step, and ends with it
        lifeline.hold(os.getppid())
    with as_a_step(), _telling():
        job = Job(**json.loads(storage.read_bytes(path)))
        with joined(settings_from_json(job.settings).device) as world:
            _train_as(world, job)


def _train_as(world: World, job: Job) -> None:
    """What one of the processes does: the others do what the first does, and say only what goes wrong."""
    level = os.environ.get("AFFEKT_LOG_LEVEL", "INFO") if world.first else logging.ERROR
    logging.getLogger("affekt").setLevel(level)
    if not world.first:
        train(job)
    elif events.listened():
        train(job, lambda metrics, step: events.write(events.Metrics(metrics, step), sys.stdout))
    else:
        names = {"tracking_uri": job.tracking_uri, "run_id": job.run_id, "group": job.member}
        with step(job.member, job.settings, **names) as this:
            train(job, this.log, this.keep)


@contextlib.contextmanager
def _telling() -> Iterator[None]:
    """Tell the one that started torchrun what is said and raised here, where it listens.

    A process ends, by the error of a broken pipe, when nobody is there any more to listen.
    """
    if not events.listened():
        yield
        return
    library = logging.getLogger("affekt")
    library.handlers, library.propagate = [events.EventHandler(sys.stdout)], False
    try:
        yield
    except ConnectionError:
        raise
    except (AffektError, OSError) as error:
        events.write(events.Error.of(error), sys.stdout)
        raise SystemExit(1) from None
    except SystemExit as stop:
        if stop.code == 128 + signal.SIGTERM:
            events.write(events.Error.of(stop), sys.stdout)
        raise


if __name__ == "__main__":
    main(sys.argv[1])
