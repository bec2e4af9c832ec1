"""The container engine of this machine as a runner of pipeline steps: what they see, and as which user."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from affekt.dataset import load_clips
from affekt.errors import AffektError
from affekt.settings import Settings
from affekt.storage import is_remote

#: What a step gets from this machine's environment: where things are, with which credentials, on how many threads.
PASSED_ON = (
    "AFFEKT_LOG_LEVEL",
    "AWS_ACCESS_KEY_ID",
    "AWS_DEFAULT_REGION",
    "AWS_ENDPOINT_URL",
    "AWS_ENDPOINT_URL_S3",
    "AWS_REGION",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "MLFLOW_REGISTRY_URI",
    "MLFLOW_TRACKING_PASSWORD",
    "MLFLOW_TRACKING_TOKEN",
    "MLFLOW_TRACKING_USERNAME",
    "OMP_NUM_THREADS",
)
_BUILD = "docker build -f infra/docker/Dockerfile -t {image} ."


def image_in_engine(image: str) -> str:
    """The image under the name by which this machine's engine lists it.

    KFP looks for the exact name in the engine's list and asks a registry where it is not there; podman lists
    ``affekt:0.1.0`` as ``localhost/affekt:0.1.0``.

    Raises:
        AffektError: there is no engine, or it has no such image; the message says what to do.
    """
    import docker
    from docker.errors import DockerException, ImageNotFound

    where = os.environ.get("DOCKER_HOST", "the engine's usual socket")
    try:
        client = docker.from_env()
    except DockerException as error:
        raise AffektError(
            "no container engine answers there; start one, or name its socket in DOCKER_HOST, or use --runner local",
            code="no_engine",
            where=where,
        ) from error
    try:
        found = client.images.get(image)
    except ImageNotFound as error:
        raise AffektError(
            f"the engine has no image {image!r}; build it with `{_BUILD.format(image=image)}` in affekt's repository, "
            "or name one in AFFEKT_IMAGE",
            code="no_image",
            where=where,
        ) from error
    except DockerException as error:
        raise AffektError(f"the container engine failed: {error}", code="engine_failed", where=where) from error
    finally:
        client.close()
    names = [tag for tag in found.tags if tag == image] or [tag for tag in found.tags if tag.endswith(f"/{image}")]
    return str(names[0]) if names else image


def in_image(image: str) -> Callable[[Any], Any]:
    """The placement of a run in containers: every task in this image, and nothing else."""
    return lambda task: task.set_container_image(image)


def container_runner(home: Path, folders: Iterable[Path], *, tracking_uri: str) -> Any:
    """KFP's runner whose containers see the same folders under the same paths as this process, and as the same user.

    Args:
        home: ``AFFEKT_HOME``, where steps read and write.
        folders: that steps only read.
        tracking_uri: MLflow's address; a server on this machine is reached through this machine's network.
    """
    import docker
    from docker.types import Mount
    from kfp import local

    client = docker.from_env()
    try:
        rootless = any("rootless" in option for option in client.info().get("SecurityOptions") or ())
    finally:
        client.close()
    # In an engine without root the container's root is the person; in one with root it would own what it writes.
    user = "0:0" if rootless else f"{os.getuid()}:{os.getgid()}"
    passed_on = {name: os.environ[name] for name in PASSED_ON if name in os.environ}
    # KFP refuses ``volumes``, which it uses itself for the artifacts; mounts add up with it.
    mounts = [Mount(str(home), str(home), type="bind")]
    mounts += [Mount(str(folder), str(folder), type="bind", read_only=True) for folder in folders]
    addresses = (tracking_uri, passed_on.get("AWS_ENDPOINT_URL_S3", ""), passed_on.get("AWS_ENDPOINT_URL", ""))
    here = any(urlsplit(address).hostname in ("localhost", "127.0.0.1", "::1") for address in addresses)
    return local.DockerRunner(
        mounts=mounts,
        user=user,
        environment={"AFFEKT_HOME": str(home), "HOME": "/tmp", "PYTHONWARNINGS": "ignore", **passed_on},
        # Loader processes hand over batches in shared memory, of which a container has 64 MiB by default.
        shm_size="1g",
        **({"network_mode": "host"} if here else {}),
    )


def folders_of(data: str, faces: str, settings: Settings) -> list[Path]:
    """The folders of this machine that steps read: of the data set, of clips that lie elsewhere, and of named files.

    Raises:
        DataError: the data set cannot be read, or has errors.
    """
    found = {_folder(Path(source)) for source in (data, faces) if source and not is_remote(source)}
    found |= {Path(clip.uri).resolve().parent for clip in load_clips(data) if not is_remote(clip.uri)}
    named = [Path(value) for value in settings.flat().values() if isinstance(value, str)]
    found |= {_folder(path) for path in named if path.is_absolute() and path.exists()}
    return sorted(folder for folder in found if not any(parent in found for parent in folder.parents))


def _folder(path: Path) -> Path:
    absolute = path.resolve()
    return absolute if absolute.is_dir() else absolute.parent
