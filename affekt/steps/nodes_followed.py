"""Follows a TrainJob to its end: what its nodes say is heard here, and what ended it is raised here."""

from __future__ import annotations

import logging
import queue
import threading
import time
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from affekt.counted import counted
from affekt.errors import AffektError
from affekt.steps.heard import Heard
from affekt.trainjob import Cluster, Node, node_of

logger = logging.getLogger(__name__)

#: Seconds for which the pods are watched before job and pods are looked at anew.
POLL = 5.0
#: Seconds in which everything is gathered that says why a training ended, and in which logs come to their ends.
SETTLE = 10.0


def follow(cluster: Cluster, name: str, heard: Heard) -> None:
    """Return when the TrainJob is complete and all is heard.

    Pods are watched, the job is asked for between two watches, and each pod's log is read as it grows. A watch that is
    cut, one that is too old (410), and a log that breaks off are taken up again.

    Raises:
        AffektError: what a process of the training raised, with its own code; ``preempted``: a node was taken away, and
            another try goes on from the checkpoint; ``no_memory``, ``time_limit``, ``process_died``,
            ``trainjob_failed``, ``trainjob_deleted``; or what the cluster refuses.
    """
    following = _Following(cluster, name, heard)
    threading.Thread(target=following.watch, name=f"affekt-{name}", daemon=True).start()
    try:
        following.run()
    finally:
        following.closed.set()


class _Following:
    """One thread looks at job and pods, one for each pod reads its log, and this one takes what they find."""

    def __init__(self, cluster: Cluster, name: str, heard: Heard) -> None:
        self.closed = threading.Event()
        self._cluster, self._name, self._heard = cluster, name, heard
        self._found: queue.SimpleQueue[tuple[str, Any]] = queue.SimpleQueue()
        self._readers: dict[str, threading.Thread] = {}
        self._nodes: dict[str, Node] = {}
        self._said: dict[str, str] = {}
        self._ended: tuple[str, str, str] | None = None  # Complete or Failed, reason, message
        self._gone = False
        self._listed = False
        self._since: float | None = None
        self._told_to_stop = False

    def run(self) -> None:
        """Take what is found until the training is over."""
        while True:
            self._take()
            if self._heard.error:
                raise self._heard.error
            over = self._ended is not None or self._gone or self._heard.stopped
            if not over and all(node.well for node in self._nodes.values()):
                continue
            if self._since is None:  # what comes first is the cause: a failed job's pods are deleted, too
                self._since = time.monotonic()
                self._told_to_stop = self._heard.stopped or any(node.deleted for node in self._nodes.values())
            settled = time.monotonic() - self._since > SETTLE
            # The pods are known as they were at the job's end, and their logs are at theirs.
            drained = self._listed and not any(reader.is_alive() for reader in self._readers.values())
            if not settled and not drained and not any(node.taken for node in self._nodes.values()):
                continue
            self._take(0.0)
            if self._ended and self._ended[0] == "Complete" and not self._heard.error:
                return
            raise self._heard.error or self._cause()

    def _take(self, patience: float = 0.2) -> None:
        """Take all that waits in the queue, and wait a little for it."""
        while True:
            try:
                kind, value = self._found.get(timeout=patience) if patience else self._found.get_nowait()
            except queue.Empty:
                return
            patience = 0.0
            if kind == "failed":
                raise value
            getattr(self, f"_take_{kind}")(value)

    def _take_line(self, value: tuple[int, str]) -> None:
        number, text = value
        self._heard.line(text, f"node {number}: ")

    def _take_job(self, job: Mapping[str, Any] | None) -> None:
        if job is None:
            self._gone = True
            return
        for condition in (job.get("status") or {}).get("conditions") or ():
            if condition["status"] != "True":
                continue
            if condition["type"] in ("Complete", "Failed"):
                self._ended = (condition["type"], condition.get("reason", ""), condition.get("message", ""))
            else:
                self._say("job", f"{condition['type']}: {condition.get('message', '')}".rstrip(": "))

    def _take_nodes(self, nodes: list[Node]) -> None:
        """All nodes that there are; one that is missing was deleted."""
        self._listed = self._ended is not None
        here = {node.uid for node in nodes}
        for known in self._nodes.values():
            if known.uid not in here and known.exit_code is None:
                nodes = [*nodes, replace(known, deleted=True)]
        for node in nodes:
            self._take_node(node)

    def _take_node(self, node: Node) -> None:
        self._nodes[node.uid] = node
        if node.waits:
            self._say(node.uid, f"node {node.number} waits: {node.waits}")
        if node.started and node.uid not in self._readers:
            self._say(node.uid, f"node {node.number} runs")
            self._readers[node.uid] = reader = threading.Thread(target=self._read, args=(node,), daemon=True)
            reader.start()

    def _say(self, who: str, text: str) -> None:
        if self._said.get(who) != text:
            self._said[who] = text
            logger.info("%s", text)

    def _cause(self) -> AffektError:
        """What ended the training; a node that was taken away counts most, as it ends the others too."""
        nodes = sorted(self._nodes.values(), key=lambda node: node.number)
        where = f"TrainJob {self._name}"
        for node in nodes:
            if node.taken:
                return _preempted(f"node {node.number} was taken away ({node.taken})", where)
        for node in nodes:
            if node.no_memory:
                return AffektError(
                    f"node {node.number} had not enough memory; raise memory of this step in the profile, or use "
                    "smaller micro-batches",
                    code="no_memory",
                    where=where,
                )
        kind, reason, message = self._ended or ("", "", "")
        if reason == "DeadlineExceeded":
            return AffektError(
                f"the training took longer than it may ({message}); raise timeout_seconds of this step in the "
                "profile; another try goes on from the checkpoint",
                code="time_limit",
                where=where,
            )
        if self._told_to_stop:
            return _preempted("a node was told to stop, or its pod was deleted", where)
        last = f" Last words:\n{self._heard.last_words}" if self._heard.last_words else ""
        for node in nodes:
            if node.exit_code:
                return AffektError(
                    f"node {node.number} of {counted(len(nodes), 'nodes')} ended with exit code {node.exit_code}, and "
                    f"the training with it; start it again to go on from the last checkpoint.{last}",
                    code="process_died",
                    where=where,
                )
        if kind:
            return AffektError(
                f"Kubeflow Trainer gave it up: {reason}: {message}.{last}", code="trainjob_failed", where=where
            )
        return AffektError("somebody deleted it while it ran; start it again", code="trainjob_deleted", where=where)

    def watch(self) -> None:
        """Look at job and pods until all is over."""
        try:
            while not self.closed.is_set():
                self._found.put(("job", self._cluster.job(self._name)))
                pods, version = self._cluster.pods(self._name)
                self._found.put(("nodes", [node_of(pod) for pod in pods]))
                for kind, pod in self._cluster.pod_changes(self._name, version, POLL):
                    node = node_of(pod, deleted=kind == "DELETED")
                    self._found.put(("node", node))
                    if self.closed.is_set() or node.taken or node.exit_code is not None:
                        break
                self.closed.wait(0.2)
        except BaseException as error:
            self._found.put(("failed", error))

    def _read(self, node: Node) -> None:
        """Hand on a pod's log to its end; what broke off is read again, and passed over up to where it broke off."""
        last, final = "", False
        try:
            while not self.closed.is_set():
                for stamp, text in self._cluster.log(node.pod):
                    if stamp > last:
                        last = stamp
                        self._found.put(("line", (node.number, text)))
                if final:
                    return
                pod = self._cluster.pod(node.pod)
                # Once more after its end: the connection may have broken off just before.
                final = pod is None or node_of(pod).exit_code is not None
                if pod is None or pod["metadata"]["uid"] != node.uid:
                    return
                self.closed.wait(0.0 if final else 1.0)
        except BaseException as error:
            self._found.put(("failed", error))


def _preempted(what: str, where: str) -> AffektError:
    return AffektError(
        f"{what}, and the training with it; another try goes on from the checkpoint", code="preempted", where=where
    )
