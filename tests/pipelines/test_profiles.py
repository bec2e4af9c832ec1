"""Profiles are data: what they say reaches the pods, and what cannot be is refused, all of it at once."""

from __future__ import annotations

import copy
import json
from pathlib import Path

import kubernetes_validate
import pytest
import yaml

from affekt.errors import AffektError, DataError
from affekt.pipelines.compile import compile_pipeline
from affekt.pipelines.placement import SECRETS, all_resources
from affekt.pipelines.profiles.lint import lint
from affekt.pipelines.profiles.profile import NAMES, check_shares, read_profile
from affekt.pipelines.profiles.step_place import StepPlace
from affekt.settings import load_settings
from affekt.trainjob import OF_THE_POD, VARIABLE, NodePlace, train_job


def compiled(folder: Path, profile: str) -> tuple[dict, dict]:
    path = folder / "pipeline.yaml"
    compile_pipeline(path, ("vgg", "svc"), profile=profile)
    spec, platform = yaml.load_all(path.read_text(encoding="utf-8"), yaml.CSafeLoader)
    return spec, platform


def affinity(terms: list[dict]) -> dict:
    """Terms with a weight are preferences; of the others any will do."""
    required = [{"matchExpressions": term["matchExpressions"]} for term in terms if "weight" not in term]
    return {
        **({"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": required}} if required else {}),
        "preferredDuringSchedulingIgnoredDuringExecution": [
            {"weight": term["weight"], "preference": {"matchExpressions": term["matchExpressions"]}}
            for term in terms
            if "weight" in term
        ],
    }


def pods(spec: dict, platform: dict) -> dict[str, dict]:
    """What the backend makes of the steps, as far as a profile decides it."""
    settings = platform["platforms"]["kubernetes"]["deploymentSpec"]["executors"]
    found = {}
    for name, executor in spec["deploymentSpec"]["executors"].items():
        container, own = executor["container"], settings[name]
        asked = container["resources"]
        resources = {
            side: {"cpu": asked[f"resourceCpu{key}"], "memory": asked[f"resourceMemory{key}"]}
            for side, key in (("requests", "Request"), ("limits", "Limit"))
        }
        if "accelerator" in asked:
            resources["limits"][asked["accelerator"]["resourceType"]] = asked["accelerator"]["resourceCount"]
        mounts = own.get("emptyDirMounts", [])
        found[name.removeprefix("exec-")] = {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {"name": name},
            "spec": {
                "activeDeadlineSeconds": int(own["activeDeadlineSeconds"]),
                "tolerations": own.get("tolerations", []),
                "nodeSelector": own.get("nodeSelector", {}).get("labels", {}),
                "affinity": {"nodeAffinity": affinity(own.get("nodeAffinity", []))},
                "containers": [
                    {
                        "name": "main",
                        "image": container["image"],
                        "resources": resources,
                        "volumeMounts": [{"name": m["volumeName"], "mountPath": m["mountPath"]} for m in mounts],
                    }
                ],
                "volumes": [
                    {
                        "name": m["volumeName"],
                        "emptyDir": {key: m[key] for key in ("medium", "sizeLimit") if key in m},
                    }
                    for m in mounts
                ],
            },
        }
    return found


@pytest.fixture(scope="module")
def gpu(tmp_path_factory) -> tuple[dict, dict]:
    return compiled(tmp_path_factory.mktemp("gpu"), "gpu")


@pytest.fixture(scope="module")
def nodes(tmp_path_factory) -> tuple[dict, dict]:
    return compiled(tmp_path_factory.mktemp("nodes"), "multi-node")


#: One of each kind; the others are compiled where all tests run.
_FAST = ("cpu", "multi-node", "spot")
_SOME = [name if name in _FAST else pytest.param(name, marks=pytest.mark.slow) for name in NAMES]


@pytest.fixture(scope="module", params=_SOME)
def profile(request, tmp_path_factory) -> tuple[str, dict, dict]:
    return (request.param, *compiled(tmp_path_factory.mktemp("profile"), request.param))


def test_a_profile_of_affekt_passes_the_lint_and_gives_pods_of_kubernetes(profile):
    _, spec, platform = profile
    assert lint(spec, platform) == []
    for pod in pods(spec, platform).values():
        kubernetes_validate.validate(pod, "1.30", strict=True)


@pytest.mark.slow
@pytest.mark.parametrize("version", ["1.28", "1.32"])
def test_the_pods_are_those_of_other_versions_of_kubernetes_too(profile, version):
    for pod in pods(*profile[1:]).values():
        kubernetes_validate.validate(pod, version, strict=True)


def test_what_a_profile_says_reaches_the_pod_of_a_network(profile):
    name, spec, platform = profile
    pod = pods(spec, platform)["train-vgg"]["spec"]
    gpus = pod["containers"][0]["resources"]["limits"].get("nvidia.com/gpu")
    assert gpus == {"cpu": None, "gpu": "1", "multi-gpu": "4", "multi-node": None, "spot": "1"}[name]
    assert len(pod["tolerations"]) == {"cpu": 0, "gpu": 1, "multi-gpu": 1, "multi-node": 0, "spot": 4}[name]
    assert any(volume["name"] == "shm" for volume in pod["volumes"]) == (name not in ("cpu", "multi-node"))
    assert pods(spec, platform)["train-svc"]["spec"]["tolerations"] == []


def test_a_step_of_several_nodes_follows_them_from_a_small_pod(tmp_path):
    path = tmp_path / "own.yaml"
    path.write_text("base: multi-node\nall: {node_selector: {pool: training}}\ntrain-vgg: {nodes: 3, retries: 7}\n")
    spec, platform = compiled(tmp_path, str(path))
    pod = pods(spec, platform)["train-vgg"]["spec"]
    assert pod["containers"][0]["resources"]["limits"] == {"cpu": "1", "memory": "4Gi"}
    assert pod["nodeSelector"] == {"pool": "training"}
    container = spec["deploymentSpec"]["executors"]["exec-train-vgg"]["container"]
    (text,) = [each["value"] for each in container["env"] if each["name"] == VARIABLE]
    nodes = NodePlace.from_json(text)
    assert (nodes.nodes, nodes.gpus, nodes.memory, nodes.shared_memory) == (3, 4, "128Gi", "32Gi")
    assert (nodes.node_selector, len(nodes.tolerations)) == ({"pool": "training"}, 1)
    assert set(nodes.secrets) == set(SECRETS)
    job = train_job(nodes, "affekt-vgg-0", job_uri="s3://b/job.json", attempt="a")
    assert job["spec"]["trainer"]["image"] == container["image"]
    own = platform["platforms"]["kubernetes"]["deploymentSpec"]["executors"]["exec-train-vgg"]["fieldPathAsEnv"]
    assert {each["name"]: each["fieldPath"] for each in own} == OF_THE_POD
    assert not any(each["name"] == VARIABLE for each in executor(spec, "train-svc").get("env", []))


def test_queue_and_priority_are_labels_of_the_pods_and_of_a_trainjob(tmp_path):
    path = tmp_path / "own.yaml"
    path.write_text("all: {queue: research}\nnetworks: {nodes: 2, priority: high}\n")
    spec, platform = compiled(tmp_path, str(path))
    settings = platform["platforms"]["kubernetes"]["deploymentSpec"]["executors"]
    queue = {"kueue.x-k8s.io/queue-name": "research"}
    assert all(each["podMetadata"]["labels"] == queue for each in settings.values())
    (text,) = [each["value"] for each in executor(spec, "train-vgg")["env"] if each["name"] == VARIABLE]
    job = train_job(NodePlace.from_json(text), "affekt-vgg-0", job_uri="s3://b/job.json", attempt="a")
    assert job["metadata"]["labels"].items() >= {**queue, "kueue.x-k8s.io/priority-class": "high"}.items()


def test_processes_of_several_nodes_that_cannot_share_a_batch_are_told_before_anything_starts(tmp_path):
    path = tmp_path / "own.yaml"
    path.write_text("networks: {nodes: 3, gpus: 5}\n")
    settings = load_settings("paper")
    check_shares(read_profile("multi-node"), ("bilstm", "svc"), load_settings("paper", ["vgg.micro_batch=1"]))
    with pytest.raises(AffektError, match="multiple of 15") as caught:
        check_shares(read_profile(str(path)), ("svc", "vgg"), settings)
    assert (caught.value.code, caught.value.where) == ("uneven_processes", f"{path}: train-vgg")


def test_a_priority_without_a_queue_is_refused(tmp_path):
    path = tmp_path / "own.yaml"
    path.write_text("networks: {priority: high}\n")
    with pytest.raises(DataError, match="hands no priority class to the pods"):
        read_profile(str(path))


def executor(spec: dict, step: str) -> dict:
    return spec["deploymentSpec"]["executors"][f"exec-{step}"]["container"]


def test_affinities_reach_the_pods_and_the_nodes_of_a_trainjob_alike(tmp_path):
    path = tmp_path / "own.yaml"
    path.write_text("""\
all:
  node_affinity:
    - {key: topology.kubernetes.io/zone, operator: In, values: [a, b]}
    - {key: affekt/busy, operator: DoesNotExist}
    - {key: gpu-memory, operator: Gt, values: ["40"], weight: 50}
train-vgg: {nodes: 2}
""")
    spec, platform = compiled(tmp_path, str(path))
    zone = {"key": "topology.kubernetes.io/zone", "operator": "In", "values": ["a", "b"]}
    free, memory = {"key": "affekt/busy", "operator": "DoesNotExist"}, {"key": "gpu-memory", "operator": "Gt"}
    wanted = {
        "requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": [{"matchExpressions": [zone, free]}]},
        "preferredDuringSchedulingIgnoredDuringExecution": [
            {"weight": 50, "preference": {"matchExpressions": [{**memory, "values": ["40"]}]}}
        ],
    }
    for pod in pods(spec, platform).values():
        assert pod["spec"]["affinity"] == {"nodeAffinity": wanted}
        kubernetes_validate.validate(pod, "1.30", strict=True)
    assert lint(spec, platform) == []
    (text,) = [each["value"] for each in executor(spec, "train-vgg")["env"] if each["name"] == VARIABLE]
    assert NodePlace.from_json(text).node_affinity == wanted


@pytest.mark.parametrize(
    "given",
    [
        {},
        [{"key": "a"}],
        [{"key": "a b", "operator": "Exists"}],
        [{"key": "a", "operator": "Like", "values": ["b"]}],
        [{"key": "a", "operator": "In"}],
        [{"key": "a", "operator": "In", "values": [True]}],
        [{"key": "a", "operator": "Exists", "values": ["b"]}],
        [{"key": "a", "operator": "Gt", "values": ["many"]}],
        [{"key": "a", "operator": "Exists", "weight": 0}],
    ],
)
def test_an_affinity_that_kubernetes_would_refuse_is_refused(given):
    with pytest.raises(ValueError, match="node_affinity"):
        StepPlace().changed({"node_affinity": given})


@pytest.mark.parametrize("step", ["all", "train-svc", "gate"])
def test_only_networks_have_several_nodes(tmp_path, step):
    path = tmp_path / "own.yaml"
    path.write_text(f"{step}: {{nodes: 2}}\n")
    with pytest.raises(DataError, match="nodes is for steps that train a network"):
        read_profile(str(path))


def test_a_file_changes_a_profile_step_by_step(tmp_path):
    path = tmp_path / "own.yaml"
    path.write_text("""\
base: gpu
train-vgg: {gpus: 2, accelerator: amd.com/gpu, image: "registry:5000/affekt@sha256:%s"}
all: {retries: 5, node_selector: {pool: training}}
""" % ("0" * 64))  # fmt: skip
    spec, platform = compiled(tmp_path, str(path))
    made = pods(spec, platform)
    vgg = made["train-vgg"]["spec"]
    assert vgg["containers"][0]["resources"]["limits"]["amd.com/gpu"] == "2"
    assert vgg["containers"][0]["image"].startswith("registry:5000/affekt@sha256:")
    assert all(pod["spec"]["nodeSelector"] == {"pool": "training"} for pod in made.values())
    assert read_profile(str(path)).place("train-vgg").retries == 5


def test_all_that_cannot_be_is_told_at_once(tmp_path):
    path = tmp_path / "own.yaml"
    path.write_text("""\
base: tiny
train-vg: {gpus: 1}
all: {memory: much, priority: High, image: affekt:latest, tolerations: [{key: a, operator: Like}]}
networks: {gpus: -1, node_selector: {spot: true}, speed: 3}
""")
    with pytest.raises(DataError) as caught:
        read_profile(str(path))
    assert "no profile: expected cpu" in str(caught.value)
    path.write_text(path.read_text().replace("base: tiny\n", ""))
    with pytest.raises(DataError) as caught:
        read_profile(str(path))
    told = caught.value.message.split("\n  - ")[1:]
    words = ("train-vg is no step", "memory", "not latest", "WorkloadPriorityClass", "Like", "gpus", "spot", "speed")
    assert [line.partition(":")[0] for line in told] == [f"line {line}" for line in (1, 2, 2, 2, 2, 3, 3, 3)]
    assert all(any(word in line for line in told) for word in words)


def test_what_is_said_twice_is_refused(tmp_path):
    path = tmp_path / "own.yaml"
    path.write_text("train-vgg: {gpus: 2}\nall:\n  retries: 1\n  retries: 2\ntrain-vgg: {gpus: 4}\n")
    with pytest.raises(DataError, match=r"line 4: all: retries is there twice\n  - line 5: train-vgg is there twice"):
        read_profile(str(path))


@pytest.mark.parametrize("text", ["", "- a", "base: [", "base: 3"])
def test_what_is_no_profile_is_refused(tmp_path, text):
    path = tmp_path / "own.yaml"
    path.write_text(text)
    with pytest.raises(DataError):
        read_profile(str(path))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda c, s: c["resources"].pop("resourceMemoryLimit"), "no limit of memory"),
        (lambda c, s: c.update(image="affekt"), "neither a version nor a digest"),
        (lambda c, s: c["command"].append("pip install torch"), "installs packages"),
        (lambda c, s: s.pop("activeDeadlineSeconds"), "no time limit"),
        (
            lambda c, s: s["secretAsEnv"][0].update(secretName="mine"),
            "secret mine",
        ),
        (lambda c, s: s["emptyDirMounts"][0].pop("sizeLimit"), "has no bound"),
        (lambda c, s: s.update(noSuchField=1), "none by the schema"),
        (lambda c, s: c["resources"].pop("resourceCpuRequest"), "no request of cpu"),
        (lambda c, s: s.update(pvcMount=[{"mountPath": "/data", "constant": "mine"}]), "mounts a claim"),
        (lambda c, s: s.update(emptyDirMounts=[]), "without shared memory"),
    ],
)
def test_the_lint_sees_what_is_missing(gpu, change, said):
    spec, platform = copy.deepcopy(gpu)
    settings = platform["platforms"]["kubernetes"]["deploymentSpec"]["executors"]
    change(spec["deploymentSpec"]["executors"]["exec-train-vgg"]["container"], settings["exec-train-vgg"])
    (problem,) = lint(spec, platform)
    assert problem.startswith("train-vgg: ")
    assert said in problem


def test_a_pipeline_that_is_none_by_the_schema_is_seen(gpu):
    spec, platform = copy.deepcopy(gpu)
    spec["root"]["noSuchField"] = 1
    assert "none by Kubeflow's schema" in lint(spec, platform)[0]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"image": "affekt"}, "image of its nodes"),
        ({"secrets": {"mine": ["key"]}}, "secret mine of its nodes"),
        ({"shared_memory": ""}, "without shared memory"),
        ({}, "does not know its own pod"),
    ],
)
def test_the_lint_sees_what_is_wrong_with_nodes(nodes, change, said):
    spec, platform = copy.deepcopy(nodes)
    (variable,) = [each for each in executor(spec, "train-vgg")["env"] if each["name"] == VARIABLE]
    variable["value"] = json.dumps({**json.loads(variable["value"]), **change})
    if not change:
        platform["platforms"]["kubernetes"]["deploymentSpec"]["executors"]["exec-train-vgg"].pop("fieldPathAsEnv")
    (problem,) = lint(spec, platform)
    assert said in problem


def test_every_step_has_a_place_in_every_profile():
    for name in NAMES:
        assert all(read_profile(name).place(step).memory for step in all_resources())
