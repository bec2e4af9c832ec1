"""The container engine of this machine as a runner of pipeline steps: what they see, and as which user."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kfp import local

from affekt import events, owner
from affekt.dataset import load_clips, read_faces, unit_of
from affekt.dataset.several import places_of
from affekt.errors import AffektError
from affekt.pipelines.container_owner import LABEL
from affekt.settings import Settings
from affekt.steps.step_image import IMAGE_VARIABLE
from affekt.storage import is_remote

if TYPE_CHECKING:
    import docker

#: What a step gets from this machine's environment: where things are, with which credentials, on how many threads.
PASSED_ON = (
    "AFFEKT_LOG_LEVEL",
    "AFFEKT_PATIENCE",
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


@contextmanager
def engine() -> Iterator[docker.DockerClient]:
    """The engine of this machine; what it refuses becomes an error that names it.

    Raises:
        AffektError: there is no engine, or it failed.
    """
    import docker  # an extra: docker, and only runs in containers need it
    from docker.errors import DockerException  # an extra: docker, and only runs in containers need it

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
        yield client
    except DockerException as error:
        raise AffektError(f"the container engine failed: {error}", code="engine_failed", where=where) from error
    finally:
        client.close()


def check_image(image: str) -> None:
    """Check that the engine has an image.

    Raises:
        AffektError: there is no engine, or it has no such image; the message says what to do.
    """
    from docker.errors import ImageNotFound  # an extra: docker, and only runs in containers need it

    with engine() as client:
        try:
            client.images.get(image)
        except ImageNotFound as error:
            raise AffektError(
                f"the engine has no such image; build it with `{_BUILD.format(image=image)}` in affekt's repository, "
                "or name one in AFFEKT_IMAGE",
                code="no_image",
                where=image,
            ) from error


def in_image(image: str) -> Callable[[Any], Any]:
    """The placement of a run in containers: every task in this image, and nothing else."""
    return lambda task: task.set_container_image(image).set_env_variable(IMAGE_VARIABLE, image)


def container_runner(home: Path, folders: Iterable[Path], variables: Mapping[str, str]) -> Any:
    """KFP's runner whose containers have this process's user, network, and folders under the same paths.

    Args:
        home: ``AFFEKT_HOME``, where steps read and write.
        folders: that steps only read.
        variables: that steps get besides this machine's (:data:`PASSED_ON`).
    """
    from docker.types import Mount  # an extra: docker, and only runs in containers need it

    with engine() as client:
        rootless = any("rootless" in option for option in client.info().get("SecurityOptions") or ())
    # KFP refuses ``volumes``, which it uses itself for the artifacts; mounts add up with it.
    mounts = [Mount(str(home), str(home), type="bind")]
    mounts += [Mount(str(folder), str(folder), type="bind", read_only=True) for folder in folders]
    passed_on = {name: os.environ[name] for name in PASSED_ON if name in os.environ}
    return local.DockerRunner(
        mounts=mounts,
        labels={LABEL: owner.this_process()},
        # In an engine without root the container's root is the person; in one with root it would own what it writes.
        user="0:0" if rootless else f"{os.getuid()}:{os.getgid()}",
        environment={
            "AFFEKT_HOME": str(home),
            "HOME": "/tmp",
            "PYTHONWARNINGS": "ignore",
            events.LISTENED: "1",
            owner.VARIABLE: owner.this_process(),
            **variables,
            **passed_on,
        },
        # MLflow or S3 may be an address of this machine, and some engines have no network of their own.
        network_mode="host",
        # Loader processes hand over batches in shared memory, of which a container has 64 MiB by default.
        shm_size="1g",
    )


def folders_of(data: str, faces: str, settings: Settings) -> list[Path]:
    """The folders of this machine that steps read: of the data set, of clips that lie elsewhere, and of named files.

    Raises:
        DataError: the data set cannot be read, or has errors.
    """
    found = {_folder(Path(source)) for source in (*places_of(data), faces) if source and not is_remote(source)}
    images = unit_of(data) == "images"
    rows = read_faces(data) if images else load_clips(data, leave_out_unlabelled=settings.leave_out_unlabelled)
    found |= {Path(row.uri).resolve().parent for row in rows if not is_remote(row.uri) and Path(row.uri).is_file()}
    named = [Path(value) for value in settings.flat().values() if isinstance(value, str)]
    found |= {_folder(path) for path in named if path.is_absolute() and path.exists()}
    return sorted(folder for folder in found if not any(parent in found for parent in folder.parents))


def _folder(path: Path) -> Path:
    absolute = path.resolve()
    return absolute if absolute.is_dir() else absolute.parent
