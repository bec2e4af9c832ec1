"""The machine: cores, memory, accelerators, and room on the disks."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from affekt import machine
from affekt.home import state_folder
from affekt.models import engine
from affekt.pipelines.doctor.finding import MISSING, NOTE, OK, Finding

_GROUP = "machine"
#: Instructions that make a difference to networks on a CPU, as Linux names them.
_FEATURES = ("avx2", "avx512f", "avx512_vnni", "avx512_bf16", "amx_bf16")
#: Bytes: a training of the preset small on few clips needs a gigabyte of memory a process, and leaves half a gigabyte.
_LITTLE_MEMORY = 4 << 30
_LITTLE_DISK, _NO_DISK = 10 << 30, 1 << 30


def findings() -> Iterator[Finding]:
    """Cores, memory, instructions, devices, and the two folders that are written to."""
    yield _cores()
    yield _memory()
    yield _instructions()
    yield from _devices()
    yield _folder("AFFEKT_HOME", state_folder(), "name a folder with more room in AFFEKT_HOME")
    yield _folder("temporary", Path(tempfile.gettempdir()), "name a folder with more room in TMPDIR")


def _cores() -> Finding:
    mine, all_of_them = machine.cores(), os.cpu_count() or 1
    return Finding(_GROUP, "cores", OK, f"{mine:g}" + (f" of {all_of_them}" if mine < all_of_them else ""))


def _memory() -> Finding:
    size = machine.memory()
    text = f"{size / (1 << 30):.1f} GiB"
    if size < _LITTLE_MEMORY:
        remedy = "train with smaller batches, for example affekt train DATA --set vgg.batch_size=8"
        return Finding(_GROUP, "memory", NOTE, text, remedy)
    return Finding(_GROUP, "memory", OK, text)


def _instructions() -> Finding:
    file = Path("/proc/cpuinfo")
    flags = set(file.read_text(encoding="utf-8", errors="replace").split()) if file.is_file() else set()
    here = [name for name in _FEATURES if name in flags]
    return Finding(_GROUP, "instructions", OK, ", ".join(here) or "none that PyTorch makes use of are known")


def _devices() -> Iterator[Finding]:
    if not any(Path(path).exists() for path in ("/dev/nvidiactl", "/dev/dxg")):
        yield Finding(_GROUP, "cuda", OK, "no NVIDIA device; networks run on the CPU")
        yield Finding(_GROUP, "networks", OK, f"run on cpu in {_quicker_format()}")
        return
    import torch  # a second, and only where there may be a device to ask it about

    from affekt.models.hardware import Hardware  # heavy: torch

    if torch.cuda.is_available():
        for number in range(torch.cuda.device_count()):
            facts = torch.cuda.get_device_properties(number)
            text = f"{facts.name}, {facts.total_memory / (1 << 30):.0f} GiB"
            yield Finding(_GROUP, f"cuda:{number}", OK, text)
    else:
        why = f"PyTorch {torch.__version__} cannot use the NVIDIA device that is here"
        remedy = "install a CUDA build of PyTorch that the driver takes (make install TORCH_INDEX=ADDRESS)"
        yield Finding(_GROUP, "cuda", NOTE, why, remedy)
    chosen = Hardware.choose()
    yield Finding(_GROUP, "networks", OK, f"run on {chosen.device.type} in {str(chosen.dtype).removeprefix('torch.')}")


def _quicker_format() -> str:
    if engine.is_installed():
        return engine.quicker_format()
    from affekt.models.hardware import Hardware  # heavy: torch

    return str(Hardware.choose().dtype).removeprefix("torch.")


def _folder(name: str, folder: Path, remedy: str) -> Finding:
    """Whether a folder, or the first above it that is there, can be written to, and what is free in it."""
    here = next((path for path in (folder, *folder.parents) if path.exists()), folder)
    try:
        with tempfile.NamedTemporaryFile(dir=here, prefix=".affekt-doctor-"):
            pass
        free = shutil.disk_usage(here).free
    except OSError as error:
        reason = f"{folder} cannot be written to ({error.strerror})"
        return Finding(_GROUP, name, MISSING, reason, remedy.replace(" with more room", ""), needed=True)
    made = "" if here == folder else ", made at the first use"
    text = f"{folder}: {free / (1 << 30):.1f} GiB free{made}"
    if free < _NO_DISK:
        return Finding(_GROUP, name, MISSING, text, f"make room, or {remedy}", needed=True)
    return Finding(_GROUP, name, NOTE if free < _LITTLE_DISK else OK, text, remedy if free < _LITTLE_DISK else "")
