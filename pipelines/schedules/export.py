"""Schedules for programs that are there already: a systemd timer with its service, or a Kubernetes CronJob."""

from __future__ import annotations

import re
from typing import Any

import yaml

from affekt.errors import DataError
from affekt.pipelines.placement import SECRETS
from affekt.pipelines.schedules.schedule import Schedule
from affekt.storage import secrets_hidden

#: In the home: variables of exported units, ``NAME=value`` each.
ENVIRONMENT_FILE = "schedules.env"
_PLAIN = re.compile(r"[A-Za-z0-9_@+=:,./-]+")


def systemd_units(schedule: Schedule, command: str, home: str, tracking_uri: str = "") -> dict[str, str]:
    """The timer and the service of a schedule, by file name.

    What else the training needs of an environment, such as credentials, is read from :data:`ENVIRONMENT_FILE` in the
    home where it is there.

    Args:
        schedule: to be started.
        command: the absolute path of ``affekt``.
        home: the absolute path of ``AFFEKT_HOME``.
        tracking_uri: MLflow's address, where it is not in the home; without a login.

    Raises:
        DataError: it runs in Kubeflow.
    """
    if schedule.runner == "cluster":
        raise DataError(
            f"{schedule.name} runs in Kubeflow, which a service of systemd does not know; expected local or docker",
            code="not_exportable",
        )
    name = f"affekt-{schedule.name}"
    started = " ".join(map(_quoted, [command, *schedule.arguments]))
    variables = [f"AFFEKT_HOME={home}", *([f"MLFLOW_TRACKING_URI={tracking_uri}"] if tracking_uri else [])]
    environment = "".join(f"Environment={_quoted(each)}\n" for each in variables)
    file = f"EnvironmentFile=-{home}/{ENVIRONMENT_FILE}".replace("%", "%%")
    service = (
        f"[Unit]\nDescription=affekt: training {schedule.name}\nAfter=network-online.target\n"
        "Wants=network-online.target\n\n"
        f"[Service]\nType=oneshot\n{environment}{file}\nExecStart={started}\n"
    )
    timer = (
        f"[Unit]\nDescription=affekt: when {schedule.name} trains ({schedule.cron}, {schedule.time_zone})\n\n"
        f"[Timer]\nOnCalendar={schedule.times.systemd(schedule.time_zone)}\nPersistent=true\nAccuracySec=1s\n"
        f"Unit={name}.service\n\n[Install]\nWantedBy=timers.target\n"
    )
    return {f"{name}.timer": timer, f"{name}.service": service}


def cron_job(schedule: Schedule, image: str, tracking_uri: str, store_claim: str) -> str:
    """A CronJob that trains in one pod, as YAML.

    Args:
        schedule: to be started.
        image: of affekt, with a version.
        tracking_uri: MLflow's address, as pods see it.
        store_claim: the volume claim that holds ``AFFEKT_HOME`` from run to run.

    Raises:
        DataError: the schedule needs this machine, or MLflow's address holds a login.
    """
    if schedule.runner != "local":
        raise DataError(
            f"{schedule.name} runs with {schedule.runner}; a CronJob trains in its own pod: expected runner: local",
            code="not_exportable",
        )
    if schedule.deploy:
        raise DataError(
            f"{schedule.name}: a pod does not see the server {schedule.deploy} of this machine; leave out deploy",
            code="not_exportable",
        )
    for what, place in (("data", schedule.data), ("faces", schedule.faces)):
        if place and not place.startswith("s3://"):
            raise DataError(f"{schedule.name}: pods do not see the {what} {place}; expected s3://", code="not_remote")
    if secrets_hidden(tracking_uri) != tracking_uri:
        raise DataError(
            f"MLFLOW_TRACKING_URI is {secrets_hidden(tracking_uri)!r}: the file would hold the login; put it into the "
            "secret affekt-login, and leave it out of the address",
            code="login_in_address",
        )
    container: dict[str, Any] = {
        "name": "train",
        "image": image,
        "command": ["affekt", *schedule.arguments],
        "env": [
            {"name": "MLFLOW_TRACKING_URI", "value": tracking_uri},
            *(
                {"name": key, "valueFrom": {"secretKeyRef": {"name": secret, "key": key, "optional": True}}}
                for secret, keys in SECRETS.items()
                for key in keys
            ),
        ],
        "resources": {
            "requests": {"cpu": "4", "memory": "16Gi", "ephemeral-storage": "8Gi"},
            "limits": {"cpu": "8", "memory": "32Gi", "ephemeral-storage": "32Gi"},
        },
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        },
        "volumeMounts": [
            {"name": "home", "mountPath": "/var/lib/affekt"},
            {"name": "tmp", "mountPath": "/tmp"},
        ],
    }
    pod = {
        "restartPolicy": "OnFailure",
        "automountServiceAccountToken": False,
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": 10001,
            "fsGroup": 10001,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "containers": [container],
        "volumes": [
            {"name": "home", "persistentVolumeClaim": {"claimName": store_claim}},
            {"name": "tmp", "emptyDir": {"sizeLimit": "8Gi"}},
        ],
    }
    job = {
        "apiVersion": "batch/v1",
        "kind": "CronJob",
        "metadata": {"name": f"affekt-{schedule.name}", "labels": {"app.kubernetes.io/part-of": "affekt"}},
        "spec": {
            "schedule": schedule.times.five_fields,
            "timeZone": schedule.time_zone,
            "concurrencyPolicy": "Forbid",
            "startingDeadlineSeconds": schedule.grace_minutes * 60,
            "suspend": not schedule.enabled,
            "jobTemplate": {"spec": {"backoffLimit": 2, "template": {"spec": pod}}},
        },
    }
    return yaml.safe_dump(job, sort_keys=False)


def _quoted(word: str) -> str:
    """A word of a unit file, where % and $ mean something."""
    word = word.replace("%", "%%").replace("$", "$$")
    if _PLAIN.fullmatch(word):
        return word
    escaped = word.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'
