"""A stand-in of Kubeflow Pipelines on loopback: its API, and the driver that walks through a submitted pipeline.

It is strict: a path, a field, a reference or a placeholder that the real one would not take is an error. What it does
was read in kubeflow/pipelines; it is no proof of what a cluster does.
"""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
import sys
import tempfile
import threading
import time
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import yaml
from google.protobuf import json_format
from kfp.kubernetes import kubernetes_executor_config_pb2
from kfp.pipeline_spec import pipeline_spec_pb2
from kfp_server_api import V2beta1Experiment, V2beta1Run

from affekt.pipelines import submit
from affekt.pipelines.compile import compile_pipeline
from affekt.pipelines.schedules import kubeflow as kubeflow_schedules

sys.path.insert(0, str(Path(__file__).parent))
import recurring

_LISTING = {"page_token", "page_size", "sort_by", "namespace", "filter"}


class Api(BaseHTTPRequestHandler):
    """The calls of the Kubeflow Pipelines API that a submission makes, and a memory of what was sent."""

    def do_GET(self) -> None:
        address = urlsplit(self.path)
        if self.faulty():
            return
        if address.path == "/apis/v2beta1/healthz":
            self.answer(200, {"commit_sha": "c0ffee", "multi_user": False, **self.server.version})
        elif address.path.startswith(("/apis/v2beta1/recurringruns", "/apis/v2beta1/pipelines")):
            self.answer(*recurring.get(self.server, address.path, parse_qs(address.query)))
        elif address.path == "/apis/v2beta1/experiments" and set(parse_qs(address.query)) <= _LISTING:
            self.answer(200, {"experiments": self.server.experiments})
        elif address.path == "/apis/v2beta1/runs" and set(parse_qs(address.query)) <= _LISTING:
            self.answer(200, {"runs": self.chosen(parse_qs(address.query).get("filter", ['{"predicates": []}'])[0])})
        else:
            self.answer(404, {"error": self.path})

    def chosen(self, text: str) -> list[dict[str, Any]]:
        found = list(self.server.runs)
        for each in json.loads(text)["predicates"]:
            if (each["operation"], each["key"]) != ("IS_SUBSTRING", "display_name"):
                raise ValueError(f"a filter that the stand-in does not know: {each}")
            found = [run for run in found if each["stringValue"].lower() in run["display_name"].lower()]
        return found

    def faulty(self) -> bool:
        """Answer with the next fault that is meant for such a request."""
        for fault in self.server.faults:
            if (fault.method, True) == (self.command, fault.path in self.path) and fault.times > 0:
                fault.times -= 1
                time.sleep(fault.seconds)
                if fault.status:
                    self.send_response(fault.status)
                    for name, value in {"Content-Length": str(len(fault.body)), **fault.headers}.items():
                        self.send_header(name, value)
                    self.end_headers()
                    self.wfile.write(fault.body)
                else:
                    self.close_connection = True
                    self.connection.shutdown(socket.SHUT_RDWR)
                return True
        return False

    def do_DELETE(self) -> None:
        if not self.faulty():
            self.answer(*recurring.delete(self.server, urlsplit(self.path).path))

    def do_POST(self) -> None:
        address = urlsplit(self.path)
        if address.path.startswith(("/apis/v2beta1/recurringruns", "/apis/v2beta1/pipelines")):
            content = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            given = (self.server, address.path, parse_qs(address.query), content)
            if self.server.accept_first and address.path == "/apis/v2beta1/recurringruns":
                recurring.post(*given)  # the answer is lost, and the recurring run is there
            if not self.faulty():
                self.answer(*recurring.post(*given))
            return
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.posted.append((self.path, dict(self.headers), body))
        if self.server.accept_first and self.path == "/apis/v2beta1/runs":
            # The answer is lost, and the run is there.
            self.server.runs.append({**body, "run_id": str(uuid.uuid4())})
        if self.faulty():
            return
        if self.server.refuse:
            self.answer(403, {"error": "not yours"})
        elif self.path == "/apis/v2beta1/experiments":
            self.taken(body, V2beta1Experiment, {"experiment_id": "e1"})
        elif self.path == "/apis/v2beta1/runs":
            self.taken(body, V2beta1Run, {"run_id": str(uuid.uuid4())})
        else:
            self.answer(404, {"error": self.path})

    def taken(self, body: dict[str, Any], kind: Any, given: dict[str, str]) -> None:
        unknown = set(body) - set(kind.attribute_map.values())
        problems = [f"unknown field {name!r}" for name in sorted(unknown)]
        if kind is V2beta1Run and not problems:
            problems = problems_of(body)
        if problems:
            self.answer(400, {"error": "; ".join(problems)})
            return
        (self.server.runs if kind is V2beta1Run else self.server.experiments).append({**body, **given})
        self.answer(200, {**body, **given})

    def answer(self, status: int, document: Any) -> None:
        body = json.dumps(document).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        pass


@dataclass
class Fault:
    """What goes wrong with the next requests of a kind: an answer by its status, or with 0 a connection that ends."""

    method: str
    path: str
    status: int
    times: int = 1
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b"{}"
    seconds: float = 0.0


@cache
def _compiled(*arguments: Any) -> str:
    models, unit, labels, profile, scheduled = arguments
    with tempfile.TemporaryDirectory() as folder:
        made = Path(folder, "pipeline.yaml")
        compile_pipeline(made, models, unit=unit, labels=dict(labels), profile=profile, scheduled=scheduled)
        return Path(folder, "pipeline.yaml").read_text(encoding="utf-8")


def compile_once(
    path: Path,
    models: Sequence[str] = (),
    *,
    unit: str = "clips",
    labels: Mapping[str, str] | None = None,
    profile: str = "gpu",
    scheduled: bool = False,
) -> None:
    """What :func:`compile_pipeline` does, for the same arguments once in a test session: it takes half a second."""
    text = _compiled(tuple(models), unit, tuple((labels or {}).items()), profile, scheduled)
    path.write_text(text, encoding="utf-8")


@contextmanager
def serving() -> Iterator[Any]:
    """The API; ``version``, ``refuse``, ``faults``, ``accept_first``, ``posted``,
    ``experiments``, ``runs`` are its state.

    Within it a submission does not compile anew what was compiled, and YAML is read by its reader in C.
    """
    server: Any = ThreadingHTTPServer(("127.0.0.1", 0), Api)
    server.experiments, server.posted, server.runs, server.refuse = [], [], [], False
    server.faults, server.accept_first = [], False
    server.recurring, server.pipelines, server.versions = {}, {}, {}
    server.version = {"tag_name": "2.17.0"}
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(submit, "compile_pipeline", compile_once)
            patch.setattr(kubeflow_schedules, "compile_pipeline", compile_once)
            patch.setattr(yaml, "SafeLoader", yaml.CSafeLoader)
            yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def problems_of(run: Mapping[str, Any]) -> list[str]:
    """What the API says against a run: its specification by the schema, and the arguments by the specification."""
    try:
        spec = run["pipeline_spec"]["pipeline_spec"]
        json_format.ParseDict(spec, pipeline_spec_pb2.PipelineSpec())
        platform = run["pipeline_spec"]["platform_spec"]["platforms"]["kubernetes"]["deploymentSpec"]["executors"]
        for settings in platform.values():
            json_format.ParseDict(settings, kubernetes_executor_config_pb2.KubernetesExecutorConfig())
    except (KeyError, json_format.ParseError) as error:
        return [str(error)]
    wanted = spec["root"]["inputDefinitions"]["parameters"]
    given = run.get("runtime_config", {}).get("parameters", {})
    missing = [name for name, facts in wanted.items() if not facts.get("isOptional") and name not in given]
    return [f"unknown argument {name!r}" for name in given if name not in wanted] + [f"no {name!r}" for name in missing]


class Refused(Exception):
    """What the driver cannot resolve."""


@dataclass
class Driver:
    """Walks through a submitted run as driver and launcher do.

    Attributes:
        run: as the API took it.
        folder: where artifacts go.
        environment: of the tasks' processes.
        replaced: arguments for which the cluster has other values, such as a database in place of an address.
        real: the tasks that are run; None for all. The others leave empty artifacts and what ``answers`` says.
        lost: how often the pod of a task is lost after its work was done.
        exit_state: what the exit task is told where all went well.
    """

    run: Mapping[str, Any]
    folder: Path
    environment: Mapping[str, str]
    replaced: Mapping[str, Any] = field(default_factory=dict)
    real: frozenset[str] | None = None
    answers: Mapping[str, Any] = field(default_factory=dict)
    lost: dict[str, int] = field(default_factory=dict)
    exit_state: str = "COMPLETE"
    tried: list[str] = field(default_factory=list)

    @property
    def spec(self) -> dict[str, Any]:
        return dict(self.run["pipeline_spec"]["pipeline_spec"])

    def walk(self) -> str:
        """Run it to its end; its state."""
        inputs = {
            name: facts["defaultValue"]
            for name, facts in self.spec["root"]["inputDefinitions"]["parameters"].items()
            if "defaultValue" in facts
        }
        inputs |= {**self.run["runtime_config"]["parameters"], **self.replaced}
        return self.dag(self.spec["root"]["dag"], inputs, {}, in_loop=False)[0]

    def dag(self, dag: Any, inputs: Any, artifacts: Any, *, in_loop: bool) -> tuple[str, dict[str, Any]]:
        done: dict[str, tuple[str, dict[str, Any]]] = {}
        waiting = dict(dag["tasks"])
        while waiting:
            ready = [name for name, task in waiting.items() if set(task.get("dependentTasks", ())) <= set(done)]
            if not ready:
                raise Refused(f"tasks wait for each other or for nobody: {sorted(waiting)}")
            task = waiting.pop(ready[0])
            policy = task.get("triggerPolicy", {})
            last = policy.get("strategy") == "ALL_UPSTREAM_TASKS_COMPLETED"
            if not last and any(done[name][0] == "FAILED" for name in task.get("dependentTasks", ())):
                done[ready[0]] = ("FAILED", {})
                continue
            scope = Scope(self, inputs, artifacts, done)
            if not scope.holds(policy.get("condition", ""), task):
                done[ready[0]] = ("SKIPPED", {})
                continue
            done[ready[0]] = self.task(ready[0], task, scope, in_loop)
        state = "FAILED" if any(state == "FAILED" for state, _ in done.values()) else "SUCCEEDED"
        return state, self.outputs(dag, done) if state == "SUCCEEDED" else {}

    def outputs(self, dag: Any, done: Any) -> dict[str, Any]:
        declared = dag.get("outputs", {})
        found = {}
        for name, facts in declared.get("artifacts", {}).items():
            (selector,) = facts["artifactSelectors"]
            found[name] = done[selector["producerSubtask"]][1][selector["outputArtifactKey"]]
        for name, facts in declared.get("parameters", {}).items():
            one = facts["valueFromParameter"]
            found[name] = done[one["producerSubtask"]][1][one["outputParameterKey"]]
        return found

    def task(self, name: str, task: Any, scope: Scope, in_loop: bool) -> tuple[str, dict[str, Any]]:
        component = self.spec["components"][task["componentRef"]["name"]]
        iterator = task.get("parameterIterator")
        parameters, artifacts = scope.resolved(task, component, skip=iterator["itemInput"] if iterator else "")
        if not iterator:
            return self.component(name, task, component, parameters, artifacts, in_loop)
        items = parameters[iterator["items"]["inputParameter"]]
        ends = [
            self.component(name, task, component, {**parameters, iterator["itemInput"]: item}, artifacts, True)
            for item in items
        ]
        if any(state == "FAILED" for state, _ in ends):
            return "FAILED", {}
        return "SUCCEEDED", {key: [found[key] for _, found in ends] for key in ends[0][1]}

    def component(self, name: str, task: Any, component: Any, parameters: Any, artifacts: Any, in_loop: bool) -> Any:
        if "dag" in component:
            return self.dag(component["dag"], parameters, artifacts, in_loop=in_loop)
        # Kubeflow repeats no task inside of a loop.
        tries = 1 + (0 if in_loop else int(task.get("retryPolicy", {}).get("maxRetryCount", 0)))
        for _ in range(tries):
            self.tried.append(name)
            found = self.pod(name, component, parameters, artifacts)
            if self.lost.get(name, 0):
                self.lost[name] -= 1
            elif found is not None:
                return "SUCCEEDED", found
        return "FAILED", {}

    def pod(self, name: str, component: Any, parameters: Any, artifacts: Any) -> dict[str, Any] | None:
        """The outputs of a task; None where it failed."""
        place = self.folder / f"{len(self.tried):03}-{name}"
        place.mkdir(parents=True)
        declared = component.get("outputDefinitions", {})
        made = {
            key: [{"name": key, "uri": str(place / key), "type": facts["artifactType"], "metadata": {}}]
            for key, facts in declared.get("artifacts", {}).items()
        }
        outputs = {key: {"outputFile": str(place / f"{key}.value")} for key in declared.get("parameters", {})}
        if self.real is not None and name not in self.real:
            return {**made, **{key: self.answers[name] for key in outputs}}  # noqa: C420  not all have an answer
        given = {
            "inputs": {"parameterValues": parameters, "artifacts": {k: {"artifacts": v} for k, v in artifacts.items()}},
            "outputs": {
                "parameters": outputs,
                "artifacts": {k: {"artifacts": v} for k, v in made.items()},
                "outputFile": str(place / "output.json"),
            },
        }
        container = self.spec["deploymentSpec"]["executors"][component["executorLabel"]]["container"]
        command = [part.replace("{{$}}", json.dumps(given)) for part in container["command"] + container["args"]]
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        with (place / "log").open("w") as log:
            ended = subprocess.run(
                command, env={**os.environ, "PATH": path, **self.environment}, stdout=log, stderr=log, check=False
            )
        if ended.returncode:
            return None
        written = json.loads((place / "output.json").read_text()) if (place / "output.json").is_file() else {}
        values = written.get("parameterValues", {})
        return {**made, **{key: values[key] for key in outputs}}


@dataclass
class Scope:
    """What a task of a graph may refer to: the graph's own inputs, and the outputs of the tasks before it."""

    driver: Driver
    inputs: Mapping[str, Any]
    artifacts: Mapping[str, Any]
    done: Mapping[str, tuple[str, dict[str, Any]]]

    def resolved(self, task: Any, component: Any, skip: str) -> tuple[dict[str, Any], dict[str, Any]]:
        declared = component.get("inputDefinitions", {})
        asked = task.get("inputs", {})
        for kind in ("parameters", "artifacts"):
            unknown = set(asked.get(kind, {})) - set(declared.get(kind, {}))
            if unknown:
                raise Refused(f"{task['taskInfo']['name']} has no inputs {sorted(unknown)}")
        parameters = {name: self.parameter(one) for name, one in asked.get("parameters", {}).items()}
        artifacts = {name: self.artifact(one) for name, one in asked.get("artifacts", {}).items()}
        for name, facts in declared.get("parameters", {}).items():
            if name not in parameters and name != skip:
                if not facts.get("isOptional"):
                    raise Refused(f"{task['taskInfo']['name']} gets no {name}")
                if "defaultValue" in facts:
                    parameters[name] = facts["defaultValue"]
        return parameters, artifacts

    def holds(self, condition: str, task: Any) -> bool:
        """Whether a condition holds, of the one form that the pipelines have."""
        if not condition:
            return True
        found = re.fullmatch(r"inputs\.parameter_values\['([^']+)'\] == '([^']*)'", condition)
        if not found:
            raise Refused(f"a condition that the driver does not know: {condition}")
        return bool(self.parameter(task["inputs"]["parameters"][found[1]]) == found[2])

    def parameter(self, one: Mapping[str, Any]) -> Any:
        if "runtimeValue" in one:
            return self.constant(one["runtimeValue"]["constant"])
        if "componentInputParameter" in one:
            # Placeholders in the values of parameters are not looked for.
            return self.inputs[one["componentInputParameter"]]
        if "taskOutputParameter" in one:
            source = one["taskOutputParameter"]
            return self.done[source["producerTask"]][1][source["outputParameterKey"]]
        if "taskFinalStatus" in one:
            producer = one["taskFinalStatus"]["producerTask"]
            failed = self.done[producer][0] == "FAILED"
            return {
                "state": "FAILED" if failed else self.driver.exit_state,
                "pipelineJobResourceName": f"affekt-training-{self.driver.run['run_id']}",
                "pipelineTaskName": producer,
                "error": {"code": 9, "message": "a task failed"} if failed else {},
            }
        raise Refused(f"no such source of a parameter: {sorted(one)}")

    def constant(self, value: Any) -> Any:
        if not isinstance(value, str):
            return value
        known = {"pipeline_job_uuid": self.driver.run["run_id"], "pipeline_job_name": "affekt-training"}
        for name, replacement in known.items():
            value = value.replace(f"{{{{$.{name}}}}}", replacement)
        if re.search(r"\{\{\$", value):
            raise Refused(f"a placeholder that the driver does not know: {value}")
        return value

    def artifact(self, one: Mapping[str, Any]) -> list[dict[str, Any]]:
        if "componentInputArtifact" in one:
            return list(self.artifacts[one["componentInputArtifact"]])
        source = one["taskOutputArtifact"]
        found = self.done[source["producerTask"]][1][source["outputArtifactKey"]]
        return [each for part in found for each in (part if isinstance(part, list) else [part])]
