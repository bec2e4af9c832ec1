"""Trains a member on several nodes of a cluster: hands over, starts a TrainJob, follows it, fetches the result.

What the nodes read and write lies below ``<store>/handover/<name of the TrainJob>`` while it runs: the prepared store
is the one place that every pod reaches with the credentials that it has.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import logging
import shutil
import signal
import tempfile
import threading
import time
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import asdict, replace
from pathlib import Path
from types import FrameType
from typing import Any

from affekt import storage
from affekt.counted import counted
from affekt.errors import AffektError, DataError
from affekt.patience import at_most
from affekt.settings import settings_from_json
from affekt.steps.heard import Heard
from affekt.steps.nodes_followed import follow
from affekt.steps.training_job import Job
from affekt.training import even_shares
from affekt.trainjob import ATTEMPT, GRACE, MANAGER, Cluster, NodePlace, connect, owner_described, train_job
from affekt.trainjob.cluster import AlreadyThereError

logger = logging.getLogger(__name__)

#: Seconds for removing a TrainJob at the end: a pod that is told to stop has thirty in all.
_AT_THE_END = 20
#: Seconds until the pods of an earlier try are gone.
_CLEARED = GRACE + 120


def train_on_nodes(job: Job, place: NodePlace, log: Any = None) -> None:
    """Train a member by a TrainJob, which is gone when this returns or raises.

    Args:
        job: what to train; its store and its checkpoints in S3.
        place: what the nodes ask for.
        log: receives metrics and the iteration.

    Raises:
        AffektError: as :func:`affekt.steps.nodes_followed.follow`; the processes cannot share a batch; a place is on
            this machine; there is no cluster, or it refuses the job.
        SystemExit: SIGTERM came; the nodes write their checkpoint.
    """
    _check(job, place)
    owner = owner_described()
    cluster = connect(owner)
    name, attempt = _name(job), uuid.uuid4().hex[:12]
    with _stopped_once():
        _cleared(cluster, name)
        with _removed_at_the_end(cluster, name, attempt, job):
            uri = _handed_over(job, name)
            _started(cluster, train_job(place, name, job_uri=uri, attempt=attempt, owner=owner), attempt)
            logger.info(
                "%s: %s of %s train together in the TrainJob %s",
                job.member, counted(place.nodes, "nodes"), counted(place.processes_per_node, "processes"), name,
            )  # fmt: skip
            follow(cluster, name, Heard(log, logging.INFO))
            _fetched(job, name)


def _check(job: Job, place: NodePlace) -> None:
    if not storage.is_remote(job.store) or not storage.is_remote(job.checkpoints):
        raise AffektError(
            f"the prepared store is {job.store!r}: expected an s3:// address, as other nodes do not see this machine",
            code="not_remote",
        )
    group = settings_from_json(job.settings).models[job.member]
    even_shares.micro_batch(place.processes, group.batch_size, group.micro_batch)


def _name(job: Job) -> str:
    """The name of the TrainJob: the same for each try of a step, and for no other step."""
    told = hashlib.sha256(f"{job.run_id or job.out}; {job.store}; {job.member}".encode()).hexdigest()[:10]
    return f"{MANAGER}-{job.member[:20].strip('_').replace('_', '-').lower()}-{told}"


def _handover(job: Job, name: str) -> str:
    return storage.join(job.store, f"handover/{name}")


def _handed_over(job: Job, name: str) -> str:
    """Copy what is read to where the nodes see it; the address of the job that names it."""
    root = _handover(job, name)

    def shown(folder: str, part: str) -> str:
        if not folder or storage.is_remote(folder):
            return folder
        uri = storage.join(root, part)
        storage.upload_folder(Path(folder), uri)
        return uri

    theirs = replace(
        job,
        prepared=shown(job.prepared, "prepared"),
        faces=shown(job.faces, "faces"),
        needs={member: shown(folder, f"needs/{member}") for member, folder in job.needs.items()},
        out=storage.join(root, "out"),
    )
    uri = storage.join(root, "job.json")
    storage.write_bytes(uri, json.dumps(asdict(theirs)).encode())
    return uri


def _fetched(job: Job, name: str) -> None:
    with tempfile.TemporaryDirectory(prefix="affekt-") as folder:
        trained = storage.download_folder(storage.join(_handover(job, name), "out"), Path(folder, "out"))
        shutil.copytree(trained, job.out, dirs_exist_ok=True)


def _started(cluster: Cluster, manifest: dict[str, Any], attempt: str) -> None:
    name = manifest["metadata"]["name"]
    try:
        cluster.create(manifest)
    except AlreadyThereError as error:
        if _label(cluster.job(name), ATTEMPT) != attempt:  # else the first answer was lost
            assert error.__cause__ is not None
            raise error.__cause__ from None


def _label(job: Mapping[str, Any] | None, key: str) -> str:
    return str(((job or {}).get("metadata", {}).get("labels") or {}).get(key, ""))


def _cleared(cluster: Cluster, name: str) -> None:
    """Remove what an earlier try of this step left, and wait until its nodes have written their checkpoint.

    Raises:
        AffektError: it is not this step's, or does not go.
    """
    found = cluster.job(name)
    if found is None:
        return
    if _label(found, "app.kubernetes.io/managed-by") != MANAGER:
        raise AffektError(
            "there is a TrainJob of this name that no step of affekt made; remove it",
            code="trainjob_exists",
            where=name,
        )
    logger.info("an earlier try left its TrainJob %s: it is removed first", name)
    cluster.delete(name)
    until = time.monotonic() + _CLEARED
    while cluster.job(name) is not None:
        if time.monotonic() > until:
            raise AffektError(
                f"an earlier try's TrainJob does not go within {_CLEARED} s; look at its pods, and remove it",
                code="trainjob_exists",
                where=name,
            )
        time.sleep(1.0)


@contextlib.contextmanager
def _removed_at_the_end(cluster: Cluster, name: str, attempt: str, job: Job) -> Iterator[None]:
    """Remove the TrainJob and what was handed over, however the block ends; a failure of that is told, not raised."""
    try:
        yield
    finally:
        try:
            with at_most(_AT_THE_END):
                if _label(cluster.job(name), ATTEMPT) == attempt:
                    cluster.delete(name)
                for uri in storage.list_files(_handover(job, name)):
                    storage.remove(uri)
        except DataError as error:  # nothing was handed over yet, or S3 is away
            logger.debug("what was handed over stays: %s", error)
        except AffektError as error:
            logger.warning("the TrainJob %s stays until this pod is removed: %s", name, error)


@contextlib.contextmanager
def _stopped_once() -> Iterator[None]:
    """Within it SIGTERM raises SystemExit in the main thread, the first time; what follows then is not disturbed."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def stop(number: int, frame: FrameType | None) -> None:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        raise SystemExit(128 + signal.SIGTERM)

    before = signal.signal(signal.SIGTERM, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
