"""Puts another version of a model into a running TorchServe without losing a request."""

from __future__ import annotations

import logging
import shutil
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import requests

from affekt.errors import AffektError
from affekt.serving.archive import build_archive
from affekt.serving.client import predict
from affekt.serving.handler import clips_in_work
from affekt.serving.server import RunningServer

logger = logging.getLogger(__name__)

#: Seconds that a request needs at most from the choice of its version to that version's queue.
_SETTLE = 1.0


@dataclass(frozen=True)
class Rollout:
    """What was done: the version that answers now, those that were taken away, and how long it took."""

    name: str
    version: str
    replaced: tuple[str, ...]
    seconds: float


def deploy_ensemble(
    ensemble: Path,
    server: RunningServer,
    *,
    version: str,
    name: str = "affekt",
    clip: Path | None = None,
    workers: int = 1,
) -> Rollout:
    """Put a saved ensemble into a server of this machine; see :func:`deploy`.

    Its archive goes into the server's model store, and those of the replaced versions leave it.
    """
    _Management(server.management_url, None).refuse_same(name, version)
    archive = build_archive(
        ensemble, server.store, name=name, version=version, file_name=f"{name}-{version}", workers=workers
    )
    try:
        done = deploy(
            archive.name,
            name=name,
            version=version,
            management_url=server.management_url,
            inference_url=server.inference_url,
            clip=clip,
            clips=server.clips,
        )
    except AffektError:
        shutil.rmtree(archive, ignore_errors=True)
        raise
    for old in done.replaced:
        shutil.rmtree(server.store / f"{name}-{old}", ignore_errors=True)
    shutil.rmtree(server.store / name, ignore_errors=True)
    return done


def deploy(
    source: str,
    *,
    name: str,
    version: str,
    management_url: str,
    inference_url: str,
    clip: Path | None = None,
    clips: Path | None = None,
    management_token: str | None = None,
    inference_token: str | None = None,
    timeout: float = 300.0,
) -> Rollout:
    """Replace the version that a server answers with.

    The new version is registered beside the old one, has to be ready, and has to answer a request, before it becomes
    the default. The old one is taken away when it has answered all that it was asked. When anything fails before the
    switch, the new version is taken away again, and the old one has never stopped answering.

    Args:
        source: the archive: its name in the server's model store, or a URL that the server may fetch.
        name: the model's name, as in the archive's manifest.
        version: the archive's version.
        management_url: of the server.
        inference_url: of the server.
        clip: a clip for the trial request; without one, the handler has to refuse an empty request in its own words.
        clips: the folder in which the workers keep clips, where it can be seen from here: it tells when the old version
            has finished. Without it, the old version's response timeout is waited for.
        management_token: the server's management key, where it asks for one.
        inference_token: its inference key.
        timeout: seconds for the new version to get ready, and again for the old one to finish.

    Raises:
        AffektError: the server is not there or refuses, or the new version does not get ready or fails the trial.
    """
    server = _Management(management_url, management_token)
    started = time.monotonic()
    server.refuse_same(name, version)
    before = server.versions(name)
    if version in before:
        # Left by a rollout that was cut off; it is not the default, so nobody is sent to it.
        server.unregister(name, version)
        before.remove(version)
    server.register(source)
    try:
        server.wait_ready(name, version, timeout)
        _try(f"{inference_url.rstrip('/')}/predictions/{name}/{version}", clip, inference_token)
        server.set_default(name, version)
    except BaseException:
        server.unregister(name, version, strict=False)
        raise
    time.sleep(_SETTLE)
    for old in before:
        server.wait_idle(name, old, clips, timeout)
        server.unregister(name, old)
        logger.info("%s version %s replaced %s", name, version, old)
    return Rollout(name, version, tuple(before), time.monotonic() - started)


def _try(url: str, clip: Path | None, token: str | None) -> None:
    """One request to the new version, which nobody else is sent to yet.

    Raises:
        AffektError: it is not answered as it should be.
    """
    if clip is not None:
        answer = predict(url, clip, token=token)
        if not answer.get("label"):
            raise AffektError(f"the trial request was answered with {answer}", code="trial_failed", where=url)
        return
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    reply = requests.post(url, data=b"", headers=headers, timeout=60)
    if reply.status_code != 400 or '"no_clip"' not in reply.text:
        raise AffektError(
            f"the trial request was answered with status {reply.status_code}: {reply.text[:200]}",
            code="trial_failed",
            where=url,
        )


class _Management:
    """The part of TorchServe's management API that a rollout needs."""

    def __init__(self, url: str, token: str | None) -> None:
        self.url = url.rstrip("/")
        self._session = requests.Session()
        if token:
            self._session.headers["Authorization"] = f"Bearer {token}"

    def versions(self, name: str) -> list[str]:
        """The registered versions of a model."""
        found = self._ask("GET", f"/models/{name}/all", missing=[])
        return [str(item["modelVersion"]) for item in found]

    def refuse_same(self, name: str, version: str) -> None:
        """Raise where the version is the one that answers when none is named."""
        described = self._ask("GET", f"/models/{name}", missing=[])
        if described and str(described[0]["modelVersion"]) == version:
            raise AffektError(
                f"the server answers with {name} version {version} already", code="already_deployed", where=self.url
            )

    def register(self, source: str) -> None:
        """Begin to register an archive; its model-config.yaml says how many workers it gets."""
        # With synchronous=true every request to the old version would wait until the new one is there.
        self._ask("POST", "/models", url=source, synchronous="false")

    def set_default(self, name: str, version: str) -> None:
        """Send requests that name no version to this one."""
        self._ask("PUT", f"/models/{name}/{version}/set-default")

    def unregister(self, name: str, version: str, *, strict: bool = True) -> None:
        """Take a version away; with its last version, a model is gone. A default version is refused."""
        try:
            self._ask("DELETE", f"/models/{name}/{version}", missing={})
        except AffektError:
            if strict:
                raise
            logger.warning("%s version %s could not be taken away again", name, version, exc_info=True)

    def wait_ready(self, name: str, version: str, timeout: float) -> None:
        """Wait until all workers of a version are ready.

        Raises:
            AffektError: a worker ended instead, or it took too long.
        """
        ends = time.monotonic() + timeout
        pids: dict[str, int] = {}
        while time.monotonic() < ends:
            described = self._describe(name, version)
            workers = described.get("workers", [])
            if workers and sum(item["status"] == "READY" for item in workers) >= described["minWorkers"]:
                return
            for worker in workers:
                # TorchServe starts a worker that ended again and again and calls it the same thing all the while.
                if pids.get(worker["id"], -1) not in (-1, worker["pid"]):
                    raise AffektError(
                        f"a worker of {name} version {version} ended while it loaded; the server's log has the cause",
                        code="model_failed",
                        where=self.url,
                    )
                pids[worker["id"]] = worker["pid"]
            time.sleep(0.2)
        raise AffektError(
            f"{name} version {version} was not ready after {timeout:.0f} s", code="not_ready", where=self.url
        )

    def wait_idle(self, name: str, version: str, clips: Path | None, timeout: float) -> None:
        """Wait until a version that gets no new requests has answered those that it has.

        The management API tells what waits in its queue, but not what its workers are busy with.
        """
        patience = float(self._describe(name, version).get("responseTimeout", timeout))
        ends = time.monotonic() + timeout
        empty_since = None
        while time.monotonic() < ends:
            described = self._describe(name, version)
            busy = int(described.get("jobQueueStatus", {}).get("pendingRequests", 0)) > 0
            if clips is not None:
                own = {str(worker["pid"]) for worker in described.get("workers", [])}
                busy = busy or any(path.name.split("-")[2] in own for path in clips_in_work(clips))
            now = time.monotonic()
            empty_since = None if busy else empty_since or now
            if empty_since is not None and now - empty_since >= (_SETTLE if clips is not None else patience):
                return
            time.sleep(0.1)
        logger.warning("%s version %s still has requests after %.0f s", name, version, timeout)

    def _describe(self, name: str, version: str) -> dict[str, Any]:
        return dict(self._ask("GET", f"/models/{name}/{version}")[0])

    def _ask(self, method: str, path: str, *, missing: Any = None, **query: str) -> Any:
        """The JSON answer; ``missing`` instead, where given, when the model or the version is not there."""
        try:
            answer = self._session.request(method, f"{self.url}{path}", params=query, timeout=60)
        except requests.RequestException as error:
            raise AffektError(
                "no management API answers there; is the server running, and is this its management address?",
                code="unreachable",
                where=self.url,
            ) from error
        if answer.status_code == 404 and missing is not None:
            return missing
        if not answer.ok:
            try:
                said = str(answer.json().get("message", answer.text))
            except (ValueError, AttributeError):
                said = answer.text
            raise AffektError(
                f"the server refused ({answer.status_code}): {said.strip()}", code="refused", where=self.url
            )
        return answer.json()
