"""The Kubernetes manifests: valid by the schema of Kubernetes, complete, and in agreement with the code they start."""

from __future__ import annotations

import copy
from pathlib import Path

import kubernetes_validate
import pytest
import yaml

from affekt.pipelines.placement import SECRETS
from affekt.registry import database
from affekt.serving import container

REPOSITORY = Path(__file__).resolve().parents[2]
KUBERNETES = REPOSITORY / "infra" / "kubernetes"
OVERLAYS = ("local", "production")
VERSIONS = ("1.30", "1.37")
#: By which field items of a list are the same item in a patch.
MERGE_KEYS = {"volumeMounts": "mountPath", "ports": "containerPort"}


def documents(path: Path) -> list[dict]:
    return [document for document in yaml.safe_load_all(path.read_text(encoding="utf-8")) if document]


def merged(base, patch, field=""):
    """What a strategic merge patch makes of a manifest, as far as the overlays use it."""
    if isinstance(base, dict) and isinstance(patch, dict):
        result = dict(base)
        for key, value in patch.items():
            if value is None:
                result.pop(key, None)
            else:
                result[key] = merged(base[key], value, key) if key in base else value
        return result
    key = MERGE_KEYS.get(field, "name")
    if isinstance(base, list) and patch and all(isinstance(item, dict) and key in item for item in [*base, *patch]):
        result = {item[key]: item for item in base}
        for item in patch:
            result[item[key]] = merged(result.get(item[key], {}), item)
        return list(result.values())
    return patch


def identity(document: dict) -> tuple[str, str, str]:
    return document["kind"], document["metadata"].get("namespace", ""), document["metadata"]["name"]


def rendered(folder: Path) -> dict[tuple[str, str, str], dict]:
    """What `kustomize build` makes of a folder, as far as it is used here: resources, namespace, patches, images."""
    (kustomization,) = documents(folder / "kustomization.yaml")
    known = {"apiVersion", "kind", "resources", "namespace", "labels", "patches", "images"}
    assert set(kustomization) <= known, "this test does not know the field"
    found: dict[tuple[str, str, str], dict] = {}
    for name in kustomization["resources"]:
        path = (folder / name).resolve()
        assert path.exists(), f"{folder / 'kustomization.yaml'} names {name}, which is not there"
        parts = list(rendered(path).values()) if path.is_dir() else documents(path)
        for part in copy.deepcopy(parts):
            if "namespace" in kustomization and part["kind"] != "Namespace":
                part["metadata"]["namespace"] = kustomization["namespace"]
            assert identity(part) not in found, f"{identity(part)} is there twice"
            found[identity(part)] = part
    for patch in kustomization.get("patches", []):
        (change,) = documents(folder / patch["path"])
        target = identity(change)
        assert target in found, f"{folder / patch['path']} changes {target}, which is not there"
        if change.pop("$patch", None) == "delete":
            del found[target]
        else:
            found[target] = merged(found[target], change)
    names = {image["name"]: image["newName"] for image in kustomization.get("images", [])}
    for part in found.values():
        for each in all_containers(part):
            image, tag = each["image"].rsplit(":", 1)
            each["image"] = f"{names.get(image, image)}:{tag}"
    return found


def containers(document: dict) -> list[dict]:
    return document["spec"]["template"]["spec"]["containers"] if document["kind"] in ("Deployment", "Job") else []


def all_containers(document: dict) -> list[dict]:
    """Those that run before the others, too."""
    found = containers(document)
    return [*document["spec"]["template"]["spec"].get("initContainers", []), *found] if found else []


@pytest.fixture(scope="module", params=OVERLAYS)
def overlay(request) -> dict[tuple[str, str, str], dict]:
    return rendered(KUBERNETES / "overlays" / request.param)


@pytest.fixture(scope="module")
def production() -> dict[tuple[str, str, str], dict]:
    return rendered(KUBERNETES / "overlays" / "production")


def deployments(overlay: dict) -> list[dict]:
    """What has pods."""
    return [document for document in overlay.values() if document["kind"] in ("Deployment", "Job")]


def server(overlay: dict) -> dict:
    return overlay["Deployment", "affekt", "affekt-serving"]["spec"]["template"]["spec"]


@pytest.mark.parametrize("version", VERSIONS)
def test_every_manifest_of_an_overlay_is_valid(overlay, version):
    for document in overlay.values():
        kubernetes_validate.validate(document, version, strict=True)


def test_every_file_is_used_by_some_kustomization():
    used = set()
    for path in KUBERNETES.rglob("kustomization.yaml"):
        (kustomization,) = documents(path)
        names = [*kustomization["resources"], *(patch["path"] for patch in kustomization.get("patches", []))]
        used |= {(path.parent / name).resolve() for name in names}
    files = {path for path in KUBERNETES.rglob("*.yaml") if path.name != "kustomization.yaml"}
    assert files == {path for path in used if path.is_file()}


def test_a_container_runs_without_rights(overlay):
    for deployment in deployments(overlay):
        pod = deployment["spec"]["template"]["spec"]
        assert pod["securityContext"]["runAsNonRoot"] is True
        assert pod["automountServiceAccountToken"] is False
        for each in all_containers(deployment):
            assert each["securityContext"]["readOnlyRootFilesystem"] is True
            assert each["securityContext"]["allowPrivilegeEscalation"] is False
            assert each["securityContext"]["capabilities"]["drop"] == ["ALL"]


def test_a_container_says_what_it_needs(overlay):
    for deployment in deployments(overlay):
        for each in all_containers(deployment):
            assert set(each["resources"]["requests"]) == {"cpu", "memory"}
            assert "memory" in each["resources"]["limits"]


def test_every_mount_has_its_volume(overlay):
    for deployment in deployments(overlay):
        pod = deployment["spec"]["template"]["spec"]
        volumes = {volume["name"]: volume for volume in pod["volumes"]}
        assert {mount["name"] for each in all_containers(deployment) for mount in each["volumeMounts"]} == set(volumes)
        for volume in volumes.values():
            if claim := volume.get("persistentVolumeClaim"):
                assert ("PersistentVolumeClaim", "affekt", claim["claimName"]) in overlay


def test_selectors_find_the_pods(overlay):
    labels = [deployment["spec"]["template"]["metadata"]["labels"] for deployment in deployments(overlay)]
    selectors = [document["spec"]["selector"] for document in overlay.values() if document["kind"] == "Service"]
    for kind in ("Deployment", "PodDisruptionBudget"):
        selectors += [item["spec"]["selector"]["matchLabels"] for item in overlay.values() if item["kind"] == kind]
    for selector in selectors:
        assert any(selector.items() <= label.items() for label in labels)


def test_services_name_ports_that_containers_have(overlay):
    for document in overlay.values():
        if document["kind"] == "Service":
            deployment = overlay["Deployment", document["metadata"]["namespace"], document["metadata"]["name"]]
            ports = {port["name"] for each in containers(deployment) for port in each["ports"]}
            assert {port["targetPort"] for port in document["spec"]["ports"]} <= ports


def test_the_server_has_the_ports_that_its_program_opens(overlay):
    (each,) = server(overlay)["containers"]
    ports = {port["name"]: port["containerPort"] for port in each["ports"]}
    assert ports == {"inference": container.INFERENCE, "metrics": container.METRICS}


def test_no_policy_lets_anybody_reach_the_management_port(overlay):
    policy = overlay["NetworkPolicy", "affekt", "affekt-serving"]
    allowed = {port["port"] for rule in policy["spec"]["ingress"] for port in rule["ports"]}
    assert allowed == {"inference", "metrics"}


def test_every_pod_is_behind_a_policy(overlay):
    assert overlay["NetworkPolicy", "affekt", "affekt-deny"]["spec"] == {"podSelector": {}, "policyTypes": ["Ingress"]}


def test_readiness_is_a_worker_and_not_a_ping(overlay):
    (each,) = server(overlay)["containers"]
    for probe in ("startupProbe", "readinessProbe"):
        assert each[probe]["exec"]["command"] == ["python", "-m", "affekt.serving.container", "ready"]


def test_a_pod_has_time_to_answer_what_it_was_asked(overlay):
    (each,) = server(overlay)["containers"]
    before_the_signal = int(each["lifecycle"]["preStop"]["exec"]["command"][1])
    # 60 s is LocalServer.stop's patience, 20 s what TorchServe gets to end.
    assert server(overlay)["terminationGracePeriodSeconds"] >= before_the_signal + 60 + 20


def test_the_server_finds_the_tracking_server(overlay):
    (each,) = server(overlay)["containers"]
    (address,) = [entry["value"] for entry in each["env"] if entry["name"] == "MLFLOW_TRACKING_URI"]
    host = address.removeprefix("http://")
    service = overlay["Service", "affekt", host.split(":")[0]]
    assert str(service["spec"]["ports"][0]["port"]) == host.split(":")[1]
    (tracking,) = containers(overlay["Deployment", "affekt", "affekt-tracking"])
    (hosts,) = [entry["value"] for entry in tracking["env"] if entry["name"] == "MLFLOW_SERVER_ALLOWED_HOSTS"]
    assert {host, "affekt-tracking.affekt.svc:5000"} <= set(hosts.split(","))


def test_the_images_are_targets_of_the_dockerfile(overlay):
    text = (REPOSITORY / "infra" / "docker" / "Dockerfile").read_text(encoding="utf-8")
    for deployment in deployments(overlay):
        for each in all_containers(deployment):
            target = each["image"].rsplit("/", 1)[-1].split(":")[0].removeprefix("affekt-")
            assert f" AS {target}\n" in text


def test_the_steps_account_may_do_what_its_role_says_and_exists():
    found = rendered(KUBERNETES / "base" / "pipeline")
    binding = found["RoleBinding", "kubeflow", "affekt-pipeline"]
    (subject,) = binding["subjects"]
    assert (subject["kind"], subject["namespace"], subject["name"]) in found
    assert (binding["roleRef"]["kind"], "kubeflow", binding["roleRef"]["name"]) in found


def test_no_rule_of_the_steps_account_allows_everything():
    role = rendered(KUBERNETES / "base" / "pipeline")["Role", "kubeflow", "affekt-pipeline"]
    assert not any("*" in rule[field] for rule in role["rules"] for field in ("apiGroups", "resources", "verbs"))


def test_no_manifest_holds_a_secret(overlay):
    assert not any(document["kind"] == "Secret" for document in overlay.values())


def test_production_takes_credentials_from_the_secret_that_steps_use(production):
    (tracking,) = containers(production["Deployment", "affekt", "affekt-tracking"])
    assert tracking["envFrom"] == [{"secretRef": {"name": "affekt-storage"}}]
    (database,) = [entry for entry in tracking["env"] if entry["name"] == "MLFLOW_BACKEND_STORE_URI"]
    assert set(database) == {"name", "valueFrom"}


def test_the_servers_wait_for_the_one_that_migrates_the_database(production):
    (migrating,) = containers(production["Job", "affekt", "affekt-tracking-migration"])
    (waiting, server) = all_containers(production["Deployment", "affekt", "affekt-tracking"])
    assert (migrating["command"][-1], waiting["command"][-1]) == ("migrate", "wait")
    assert migrating["command"][:-1] == waiting["command"][:-1] == ["python", "-m", database.__name__]
    assert migrating["image"] == waiting["image"] == server["image"]
    assert migrating["env"][0] == waiting["env"][0]
    assert migrating["env"][0] in server["env"]


def test_the_secrets_that_are_needed_are_described(overlay):
    text = (REPOSITORY / "docs" / "operations.md").read_text(encoding="utf-8")
    needed = {*SECRETS, *(key for keys in SECRETS.values() for key in keys)}
    for deployment in deployments(overlay):
        for each in containers(deployment):
            needed |= {source["secretRef"]["name"] for source in each.get("envFrom", [])}
            needed |= {
                entry["valueFrom"]["secretKeyRef"]["name"]
                for entry in each["env"]
                if "secretKeyRef" in entry.get("valueFrom", {})
            }
    assert not {name for name in needed if f"`{name}`" not in text}


def test_production_scales_the_server_between_two_and_more(production):
    scaler = production["HorizontalPodAutoscaler", "affekt", "affekt-serving"]["spec"]
    target = scaler["scaleTargetRef"]
    assert (target["kind"], "affekt", target["name"]) in production
    assert 2 <= scaler["minReplicas"] < scaler["maxReplicas"]
    assert "replicas" not in production["Deployment", "affekt", "affekt-serving"]["spec"]


def test_a_rollout_never_has_fewer_servers_than_before(overlay):
    strategy = overlay["Deployment", "affekt", "affekt-serving"]["spec"]["strategy"]["rollingUpdate"]
    assert strategy["maxUnavailable"] == 0
