"""A stand-in of the Kubernetes API on loopback with Kubeflow Trainer behind it: TrainJobs, their pods, watches, logs.

It is strict: who comes without the token gets 401, what the role in infra/ does not allow 403, a field that the
published models of Kubeflow Trainer do not know 400. What becomes of a TrainJob is the test's ``program``. It is no
proof of what a cluster does.
"""

from __future__ import annotations

import json
import re
import socket
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import yaml
from kubeflow_trainer_api.models import TrainerV1alpha1TrainJob

REPOSITORY = Path(__file__).resolve().parents[2]
ROLE = REPOSITORY / "infra" / "kubernetes" / "base" / "pipeline" / "role.yaml"
TOKEN, NAMESPACE = "token-of-a-test", "kubeflow"
_JOBS = re.compile(rf"/apis/trainer\.kubeflow\.org/v1alpha1/namespaces/{NAMESPACE}/trainjobs(?:/([^/]+))?")
_PODS = re.compile(rf"/api/v1/namespaces/{NAMESPACE}/pods(?:/([^/]+))?(/log)?")


def unknown_fields(given: Any, known: Any, path: str = "") -> list[str]:
    """What stands in a document and not in what the published models made of it."""
    if isinstance(given, dict) and isinstance(known, dict):
        found = [f"{path}.{key}" for key in given if key not in known]
        return found + [
            name for key in given if key in known for name in unknown_fields(given[key], known[key], f"{path}.{key}")
        ]
    if isinstance(given, list) and isinstance(known, list) and len(given) == len(known):
        return [name for n, each in enumerate(given) for name in unknown_fields(each, known[n], f"{path}[{n}]")]
    return [] if given == known else [f"{path}: {given!r}"]


def problems_of(job: dict[str, Any]) -> list[str]:
    """What the API server and the webhook of Trainer say against a TrainJob."""
    try:
        known = TrainerV1alpha1TrainJob.from_dict(job).to_dict()
    except (ValueError, AttributeError) as error:
        return [str(error)]
    problems = [f"unknown field {name}" for name in unknown_fields(job, known)]
    if (job.get("apiVersion"), job.get("kind")) != ("trainer.kubeflow.org/v1alpha1", "TrainJob"):
        problems.append("no TrainJob")
    if not re.fullmatch("[a-z]([-a-z0-9]{0,61}[a-z0-9])?", job["metadata"]["name"]):
        problems.append("metadata.name must match RFC 1035 DNS label format")
    env = job["spec"]["trainer"].get("env", [])
    problems += [f"must not have reserved envs {each['name']}" for each in env if each["name"].startswith("PET_")]
    for patch in job["spec"].get("runtimePatches", []):
        if not re.fullmatch(r"[a-z0-9.-]+/[\w.-]+", patch["manager"]):
            problems.append("manager must be a domain-prefixed path")
        for each in patch["trainingRuntimeSpec"]["template"]["spec"]["replicatedJobs"]:
            containers = each["template"]["spec"]["template"]["spec"].get("containers", [])
            if each["name"] != "node" or any(one["name"] != "node" or "env" in one for one in containers):
                problems.append("must not have a job, container or variables that the runtime does not have")
    return problems


@dataclass
class Fault:
    """An answer in place of the right one, by its status; 0 for a connection that ends."""

    method: str
    path: str
    status: int
    times: int = 1
    after: bool = False  # the request is done, and its answer lost


@dataclass
class State:
    """What is in the cluster, and what becomes of it."""

    program: Callable[[State, dict[str, Any]], None]
    allowed: set[tuple[str, str]] = field(default_factory=set)
    jobs: dict[str, dict[str, Any]] = field(default_factory=dict)
    pods: dict[str, dict[str, Any]] = field(default_factory=dict)
    logs: dict[str, list[str]] = field(default_factory=dict)
    history: list[tuple[int, str, dict[str, Any]]] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)
    requests: list[tuple[str, str]] = field(default_factory=list)
    created: list[dict[str, Any]] = field(default_factory=list)
    deleted: list[str] = field(default_factory=list)
    stopped: threading.Event = field(default_factory=threading.Event)
    changed: threading.Condition = field(default_factory=threading.Condition)
    cut_logs: int = 0
    cut_watches: int = 0
    gone_watches: int = 0
    closed: bool = False

    # What programs do.

    def pod(self, job: dict[str, Any], number: int) -> str:
        """A pod that waits."""
        name = f"{job['metadata']['name']}-node-0-{number}-{uuid.uuid4().hex[:5]}"
        labels = {
            "jobset.sigs.k8s.io/jobset-name": job["metadata"]["name"],
            "batch.kubernetes.io/job-completion-index": str(number),
        }
        metadata = {"name": name, "uid": str(uuid.uuid4()), "labels": labels}
        self.logs[name] = []
        self._put("ADDED", {"metadata": metadata, "status": {"phase": "Pending"}})
        return name

    def waits(self, pod: str, reason: str, message: str) -> None:
        """It is not placed."""
        condition = {"type": "PodScheduled", "status": "False", "reason": reason, "message": message}
        self._status(pod, conditions=[condition])

    def runs(self, pod: str) -> None:
        """Its container runs."""
        running = {"name": "node", "state": {"running": {}}}
        self._status(pod, phase="Running", containerStatuses=[running], conditions=[])

    def says(self, pod: str, *lines: str) -> None:
        """It writes lines."""
        with self.changed:
            for line in lines:
                now = time.time_ns()
                stamp = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(now // 10**9))
                self.logs[pod].append(f"{stamp}.{now % 10**9:09d}".rstrip("0") + f"Z {line}")
                time.sleep(0.000002)
            self.changed.notify_all()

    def ends(self, pod: str, code: int = 0, reason: str = "") -> None:
        """Its container ends."""
        reason = reason or ("Error" if code else "Completed")
        ended = {"name": "node", "state": {"terminated": {"exitCode": code, "reason": reason}}}
        self._status(pod, phase="Failed" if code else "Succeeded", containerStatuses=[ended])

    def is_taken(self, pod: str, reason: str, message: str) -> None:
        """The cluster takes its place for others."""
        condition = {"type": "DisruptionTarget", "status": "True", "reason": reason, "message": message}
        self._status(pod, conditions=[condition])

    def job_is(self, job: dict[str, Any], kind: str, reason: str = "", message: str = "") -> None:
        """Trainer says of a job that it is complete, or failed."""
        with self.changed:
            condition = {"type": kind, "status": "True", "reason": reason, "message": message}
            job.setdefault("status", {}).setdefault("conditions", []).append(condition)

    def removed(self, pod: str) -> None:
        """A pod is gone."""
        with self.changed:
            found = self.pods.pop(pod, None)
            if found:
                self._noted("DELETED", found)

    def _status(self, pod: str, **changes: Any) -> None:
        with self.changed:
            if pod in self.pods:
                found = json.loads(json.dumps(self.pods[pod]))
                found["status"].update(changes)
                self._put("MODIFIED", found)

    def _put(self, kind: str, pod: dict[str, Any]) -> None:
        with self.changed:
            self.pods[pod["metadata"]["name"]] = pod
            self._noted(kind, pod)

    def _noted(self, kind: str, pod: dict[str, Any]) -> None:
        self.history.append((len(self.history) + 1, kind, pod))
        self.changed.notify_all()

    # What the API does.

    def make(self, job: dict[str, Any]) -> None:
        """Take a job, and let the program have it."""
        job["metadata"].update(uid=str(uuid.uuid4()), resourceVersion="1")
        self.jobs[job["metadata"]["name"]] = job
        self.created.append(job)
        self.stopped = threading.Event()
        threading.Thread(target=self.program, args=(self, job), daemon=True).start()

    def delete(self, name: str) -> None:
        """Foreground: the job stays in sight until the program has ended its pods."""
        self.deleted.append(name)
        self.stopped.set()
        for pod in list(self.pods):
            self._status(pod, phase="Failed")
            self.removed(pod)
        del self.jobs[name]


class Api(BaseHTTPRequestHandler):
    """The requests."""

    protocol_version = "HTTP/1.1"
    server: Any

    def do_GET(self) -> None:
        state, address = self.server.state, urlsplit(self.path)
        query = {key: values[0] for key, values in parse_qs(address.query).items()}
        if job := _JOBS.fullmatch(address.path):
            if self.allowed("get", "trainjobs"):
                found = state.jobs.get(job[1])
                self.answer(*((200, found) if found else _status(404, f'trainjobs "{job[1]}" not found')))
        elif (pod := _PODS.fullmatch(address.path)) and pod[2]:
            if self.allowed("get", "pods/log"):
                self.log(pod[1], query)
        elif pod and pod[1]:
            if self.allowed("get", "pods"):
                found = state.pods.get(pod[1])
                self.answer(*((200, found) if found else _status(404, "no such pod")))
        elif pod and query.get("watch"):
            if self.allowed("watch", "pods"):
                self.watch(query)
        elif pod:
            if self.allowed("list", "pods"):
                with state.changed:
                    items, version = list(state.pods.values()), str(len(state.history))
                self.answer(200, {"items": self.chosen(items, query), "metadata": {"resourceVersion": version}})
        else:
            self.answer(*_status(404, "the server could not find the requested resource"))

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        address = urlsplit(self.path)
        if not _JOBS.fullmatch(address.path):
            self.answer(*_status(404, "the server could not find the requested resource"))
        elif self.allowed("create", "trainjobs"):
            if parse_qs(address.query).get("fieldValidation") != ["Strict"]:
                self.answer(*_status(400, "unknown fields would be dropped without a word"))
            elif problems := problems_of(body):
                self.answer(*_status(400, "; ".join(problems)))
            elif body["metadata"]["name"] in self.server.state.jobs:
                self.answer(*_status(409, f'trainjobs "{body["metadata"]["name"]}" already exists'))
            else:
                self.server.state.make(body)
                if not self.lost():
                    self.answer(201, body)

    def do_DELETE(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        job = _JOBS.fullmatch(urlsplit(self.path).path)
        if self.allowed("delete", "trainjobs"):
            if job and job[1] in self.server.state.jobs:
                self.server.state.delete(job[1])
                self.answer(200, {"kind": "Status", "status": "Success"})
            else:
                self.answer(*_status(404, "not found"))

    def allowed(self, verb: str, resource: str) -> bool:
        """Answer for a fault, for want of the token or of the right."""
        state = self.server.state
        state.requests.append((verb, resource))
        for fault in state.faults:
            if (
                (fault.method, fault.after) == (self.command, False)
                and re.search(fault.path, self.path)
                and fault.times > 0
            ):
                fault.times -= 1
                if fault.status:
                    self.answer(*_status(fault.status, "a fault of the test"))
                else:
                    self.hang_up()
                return False
        if self.headers.get("Authorization") != f"Bearer {TOKEN}":
            self.answer(*_status(401, "Unauthorized"))
        elif (verb, resource) not in state.allowed:
            self.answer(*_status(403, f"may not {verb} {resource}"))
        else:
            return True
        return False

    def lost(self) -> bool:
        """Whether the answer to what was done is lost."""
        for fault in self.server.state.faults:
            if (fault.method, fault.after) == (self.command, True) and fault.times > 0:
                fault.times -= 1
                self.hang_up()
                return True
        return False

    def chosen(self, pods: list[dict[str, Any]], query: dict[str, str]) -> list[dict[str, Any]]:
        key, _, value = query["labelSelector"].partition("=")
        return [pod for pod in pods if pod["metadata"]["labels"].get(key) == value]

    def watch(self, query: dict[str, str]) -> None:
        state, seen = self.server.state, int(query["resourceVersion"])
        until = time.monotonic() + float(query["timeoutSeconds"])
        self.begin("application/json")
        if state.gone_watches > 0:
            state.gone_watches -= 1
            expired = {"code": 410, "reason": "Expired", "message": "too old resource version"}
            self.chunk(json.dumps({"type": "ERROR", "object": expired}) + "\n")
            self.chunk("")
            return
        while time.monotonic() < until and not state.closed:
            with state.changed:
                if len(state.history) == seen:
                    state.changed.wait(0.05)
                news = state.history[seen:]
                seen = len(state.history)
            for _, kind, pod in news:
                if not self.chosen([pod], query):
                    continue
                text = json.dumps({"type": kind, "object": pod}) + "\n"
                if state.cut_watches > 0:
                    state.cut_watches -= 1
                    self.chunk(text[: len(text) // 2])
                    self.hang_up()
                    return
                self.chunk(text)
        self.chunk("")

    def log(self, pod: str, query: dict[str, str]) -> None:
        state, sent = self.server.state, 0
        assert (query["container"], query["timestamps"]) == ("node", "True")
        found = state.pods.get(pod)
        if not found:
            self.answer(*_status(404, "no such pod"))
            return
        if found["status"]["phase"] == "Pending":
            self.answer(*_status(400, 'container "node" is waiting to start'))
            return
        self.begin("text/plain")
        while not state.closed:
            with state.changed:
                ended = pod not in state.pods or state.pods[pod]["status"]["phase"] in ("Succeeded", "Failed")
                if len(state.logs[pod]) == sent and not ended:
                    state.changed.wait(0.05)
                news = state.logs[pod][sent:]
            for line in news:
                self.chunk(line + "\n")
            sent += len(news)
            if news and state.cut_logs > 0:
                state.cut_logs -= 1
                self.hang_up()
                return
            if ended and not news:
                break
        self.chunk("")

    def begin(self, kind: str) -> None:
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()

    def chunk(self, text: str) -> None:
        data = text.encode()
        try:
            self.wfile.write(b"%x\r\n%s\r\n" % (len(data), data))
            self.wfile.flush()
        except OSError:
            self.close_connection = True

    def answer(self, status: int, document: Any) -> None:
        body = json.dumps(document).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def hang_up(self) -> None:
        self.close_connection = True
        self.connection.shutdown(socket.SHUT_RDWR)

    def log_message(self, *_: Any) -> None:
        pass


def _status(code: int, message: str) -> tuple[int, dict[str, Any]]:
    return code, {"kind": "Status", "apiVersion": "v1", "status": "Failure", "message": message, "code": code}


def rights() -> set[tuple[str, str]]:
    """What the role of the steps' account allows."""
    rules = yaml.safe_load(ROLE.read_text(encoding="utf-8"))["rules"]
    return {(verb, name) for rule in rules for name in rule["resources"] for verb in rule["verbs"]}


@contextmanager
def serving(program: Callable[[State, dict[str, Any]], None], kubeconfig: Path) -> Iterator[State]:
    """The API with a kubeconfig that names it, for the variable ``KUBECONFIG``."""
    state = State(program, rights())
    server: Any = ThreadingHTTPServer(("127.0.0.1", 0), Api)
    server.state, server.daemon_threads = state, True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    cluster = {"server": f"http://127.0.0.1:{server.server_port}"}
    document = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "c",
        "clusters": [{"name": "c", "cluster": cluster}],
        "users": [{"name": "u", "user": {"token": TOKEN}}],
        "contexts": [{"name": "c", "context": {"cluster": "c", "user": "u"}}],
    }
    kubeconfig.write_text(yaml.safe_dump(document), encoding="utf-8")
    try:
        yield state
    finally:
        state.closed = True
        server.shutdown()
        server.server_close()
        thread.join()
