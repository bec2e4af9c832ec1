"""The pipeline as an Argo workflow: whether it fits, and whether all that a pod is told can be resolved.

The shape is that of the workflows which the compiler of Kubeflow Pipelines keeps as its own tests
(``backend/src/v2/compiler/argocompiler/testdata``, read at versions 2.7 to 2.13). The JSON of each component and each
container is a parameter of the workflow, named by its content. A task is two tasks of Argo: a driver that gets these
and its own JSON as arguments, and an executor that waits for it. A loop goes over what its driver counted. The exit
task is a hook of the task before it, and knows of the pipeline its parent's id alone.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

GOLDEN = Path(__file__).with_name("affekt-training.yaml")
#: Bytes of one argument of a process in Linux (MAX_ARG_STRLEN), and of an object in etcd, half of which is left to
#: the status of its nodes.
ARGUMENT, OBJECT = 128 * 1024, 3 * 512 * 1024
_LAST = "ALL_UPSTREAM_TASKS_COMPLETED"


class Workflow:
    """The workflow of a pipeline's specification: its parameters and its templates, each a list of tasks by name."""

    def __init__(self, spec: dict[str, Any]) -> None:
        self.spec = spec
        self.parameters: dict[str, str] = {}
        self.templates: dict[str, list[dict[str, Any]]] = {}
        self.dag("root", spec["root"])

    def kept(self, kind: str, value: Any, name: str = "") -> str:
        text = json.dumps(value, separators=(",", ":"), sort_keys=True)
        key = f"{kind}-{name or hashlib.sha256(text.encode()).hexdigest()}"
        self.parameters[key] = text
        return f"{{{{workflow.parameters.{key}}}}}"

    def dag(self, name: str, component: dict[str, Any]) -> None:
        tasks, hooks = component["dag"]["tasks"], {}
        own = self.templates[name] = []
        for each, task in tasks.items():
            waits = " && ".join(f"{other}.Succeeded" for other in task.get("dependentTasks", ()))
            if task.get("triggerPolicy", {}).get("strategy") == _LAST:
                (before,) = task["dependentTasks"]
                hooks[before] = f"exit-hook-{name}-{each}"
                self.templates[hooks[before]] = self.pair(each, task, "")
            else:
                own += self.pair(each, task, waits)
        for each in own:
            each["hook"] = hooks.get(each["name"])

    def pair(self, name: str, task: dict[str, Any], waits: str) -> list[dict[str, Any]]:
        of = task["componentRef"]["name"]
        component = self.spec["components"][of]
        told = {"task": json.dumps(task, separators=(",", ":")), "parent-dag-id": "{{inputs.parameters.parent-dag-id}}"}
        if "dag" in component:
            told["component"] = self.kept("components", component, of)
            if of not in self.templates:
                self.dag(of, component)
            ran, looped = of, {"with": f"{{{{tasks.{name}-driver.outputs.parameters.iteration-count}}}}"}
        else:
            told["component"] = self.kept("components", component)
            container = self.spec["deploymentSpec"]["executors"][component["executorLabel"]]["container"]
            told["container"] = self.kept("implementations", container)
            ran, looped = "system-container-executor", {}
        driver = {"name": f"{name}-driver", "template": "system-driver", "told": told, "depends": waits}
        from_driver = {"driven": f"{{{{tasks.{name}-driver.outputs.parameters.execution-id}}}}"}
        if "parameterIterator" in task:
            from_driver |= looped
        return [driver, {"name": name, "template": ran, "told": from_driver, "depends": f"{name}-driver.Succeeded"}]

    def told(self) -> Iterator[str]:
        """What drivers get, as their command lines have it."""
        for tasks in self.templates.values():
            for task in tasks:
                for value in task["told"].values():
                    found = re.fullmatch(r"\{\{workflow\.parameters\.(.+)\}\}", value)
                    yield self.parameters[found[1]] if found else value


@cache
def compiled() -> Workflow:
    return Workflow(next(yaml.load_all(GOLDEN.read_text(encoding="utf-8"), Loader=yaml.CSafeLoader)))


def test_each_argument_of_a_driver_fits_into_a_command_line():
    assert max(len(text.encode()) for text in compiled().told()) < ARGUMENT / 2


def test_the_workflow_with_the_state_of_its_nodes_fits_into_an_object_of_kubernetes():
    made = compiled()
    assert len(json.dumps([made.parameters, made.templates])) < OBJECT / 2


def test_the_end_of_a_pipeline_is_a_hook_that_needs_no_output_of_a_step():
    made = compiled()
    (hooked,) = (task for task in made.templates["root"] if task["hook"])
    assert (hooked["name"], hooked["hook"]) == ("exit-handler-1", "exit-hook-root-finish")
    driver, _ = made.templates[hooked["hook"]]
    asked = json.loads(driver["told"]["task"])["inputs"]
    assert set(asked) == {"parameters"}
    inputs = made.spec["root"]["inputDefinitions"]["parameters"]
    for one in asked["parameters"].values():
        (source,) = one
        assert source in ("runtimeValue", "componentInputParameter", "taskFinalStatus")
        assert one.get("componentInputParameter", "tracking_uri") in inputs
        assert one.get("taskFinalStatus", {"producerTask": hooked["name"]}) == {"producerTask": hooked["name"]}


@pytest.mark.parametrize("template", ["root", "comp-exit-handler-1", "comp-for-loop-2"])
def test_tasks_wait_for_tasks_of_their_own_template_and_for_no_circle(template):
    waiting = {task["name"]: set(re.findall(r"([\w-]+)\.Succeeded", task["depends"]))
               for task in compiled().templates[template]}  # fmt: skip
    while waiting:
        ready = {name for name, needs in waiting.items() if not needs & waiting.keys()}
        assert ready
        assert all(needs <= compiled_names(template) for needs in waiting.values())
        for name in ready:
            del waiting[name]


def compiled_names(template: str) -> set[str]:
    return {task["name"] for task in compiled().templates[template]}


def test_what_is_read_from_another_step_comes_from_one_that_is_waited_for():
    for component in compiled().spec["components"].values():
        for task in component.get("dag", {}).get("tasks", {}).values():
            sources = {
                source[key]["producerTask"]
                for kind, key in (("parameters", "taskOutputParameter"), ("artifacts", "taskOutputArtifact"))
                for source in task.get("inputs", {}).get(kind, {}).values()
                if key in source
            }
            assert sources <= set(task.get("dependentTasks", ()))


def test_only_the_two_placeholders_that_a_driver_resolves_are_there():
    found = {name for text in compiled().told() for name in re.findall(r"\{\{\$\.?([^}]*)\}\}", text)}
    assert found == {"", "pipeline_job_uuid"}
