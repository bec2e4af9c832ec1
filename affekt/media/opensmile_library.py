"""openSMILE's library itself: sound in, values out, without the data frames of its Python package.

The package ``opensmile`` imports pandas and what that needs (0.5 s), and turns what the library gives into tables. Its
module that speaks to the library needs neither, so that alone is loaded. The values are those of ``opensmile.Smile``.
"""

from __future__ import annotations

import math
import os
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import cache
from importlib.util import find_spec, module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType
from typing import IO, Any, Self

import numpy as np

from affekt.media.opensmile_configuration import configuration_for

#: What the library's components for sound from memory and values to memory are called in its configurations.
_SOURCE, _FUNCTIONALS, _DESCRIPTORS = "extsource", "extsinkfunc", "extsinklld"
#: A component that writes the descriptors into a file: a call back into Python for each row takes longer.
_ROWS = "rows"
_SINKS = f"""[componentInstances:cComponentManager]
instance[{_FUNCTIONALS}].type=cExternalSink
instance[{_ROWS}].type=cHtkSink
[{_FUNCTIONALS}:cExternalSink]
reader.dmLevel=func
[{_ROWS}:cHtkSink]
reader.dmLevel=lld
filename=\\cm[{_ROWS}{{rows.htk}}:file of the descriptors]
"""
#: Bytes before the rows in such a file, whose numbers are big-endian.
_HEAD, _NUMBER = 12, ">f4"
_QUIET = 2
#: Seconds from one request to stop to the next.
_PAUSE = 0.01
#: Seconds between two looks at whether it is to stop.
_LOOK = 0.05


class Extractor:
    """Both levels of a feature set of openSMILE in one pass: functionals, and the low-level descriptors under them.

    Args:
        configuration: below the package's folder of configurations, as ``egemaps/v02/eGeMAPSv02.conf``.

    Attributes:
        names: of the functionals.
        frame_names: of the descriptors.
    """

    def __init__(self, configuration: str) -> None:
        self._library, root = _library()
        shared = root / "shared"
        included = {
            "source": str(shared / "standard_external_wave_input.conf.inc"),
            "sink": str(shared / "standard_external_data_output_multi.conf.inc"),
            "bufferModeRbConf": str(shared / "BufferModeRb.conf.inc"),
            "frameModeFunctionalsConf": str(shared / "FrameModeFunctionals.conf.inc"),
        }
        smile = self._started(str(root / configuration), included)
        self.names, self.frame_names = _names(smile, _FUNCTIONALS), _names(smile, _DESCRIPTORS)
        smile.free()
        included["bufferModeConf"] = str(shared / "BufferMode.conf.inc")  # the library's own choice
        included["bufferModeRbLagConf"] = str(shared / "BufferModeRbLag.conf.inc")
        with _Nameless(_SINKS) as sinks:
            included["sink"] = sinks.path
            text = configuration_for([_FUNCTIONALS, _ROWS], root / configuration, included)
        self._configuration = _Nameless(text)

    def __call__(
        self,
        sound: np.ndarray,
        sample_rate: int,
        ends: float = math.inf,
        stopped: Callable[[], bool] | None = None,
    ) -> tuple[np.ndarray, np.ndarray]:
        """Functionals and descriptors, float32 ``[rows, names]`` each; no row where the sound is too short for one.

        Args:
            sound: float32 ``[n]`` in [-1, 1).
            sample_rate: Hz.
            ends: when to give up, by :func:`time.monotonic`.
            stopped: asked by another thread, now and then, whether to give up.

        Raises:
            TimeoutError: it was given up.
        """
        functionals: list[np.ndarray] = []
        with _Nameless() as rows:
            smile = self._started(self._configuration.path, {"sampleRate": sample_rate, "nBits": 16, _ROWS: rows.path})
            smile.external_sink_set_callback_ex(_FUNCTIONALS, lambda values, _: functionals.append(values.copy()))
            smile.external_audio_source_write_data(_SOURCE, (sound * 32768).astype(np.int16).tobytes())
            smile.external_audio_source_set_eoi(_SOURCE)
            try:
                with _given_up(smile, ends, stopped):
                    smile.run()
            finally:
                smile.free()
            descriptors = np.frombuffer(rows.read()[_HEAD:], _NUMBER).reshape(-1, len(self.frame_names))
        found = np.vstack(functionals) if functionals else np.zeros((0, len(self.names)))
        return found.astype(np.float32), descriptors.astype(np.float32)

    def _started(self, configuration: str, options: Mapping[str, Any]) -> Any:
        smile = self._library.OpenSMILE()
        smile.initialize(config_file=configuration, options=options, loglevel=_QUIET, log_file=None, debug=False)
        return smile


def _names(smile: Any, sink: str) -> tuple[str, ...]:
    return tuple(
        smile.external_sink_get_element_name(sink, number)
        for number in range(smile.external_sink_get_num_elements(sink))
    )


class _Nameless:
    """A file that the library opens by a path, and that is gone with this object, however the process ends."""

    def __init__(self, text: str = "") -> None:
        if sys.platform == "linux":
            self._file: IO[bytes] = os.fdopen(os.memfd_create("affekt-opensmile"), "w+b")
            self.path = f"/proc/self/fd/{self._file.fileno()}"
        else:
            self._file = tempfile.NamedTemporaryFile(prefix="affekt-")  # noqa: SIM115
            self.path = self._file.name
        self._file.write(text.encode())
        self._file.flush()

    def read(self) -> bytes:
        """All that is in it."""
        self._file.seek(0)
        return self._file.read()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self._file.close()


@contextmanager
def _given_up(smile: Any, ends: float, stopped: Callable[[], bool] | None) -> Iterator[None]:
    """Stop the library at a time, or when told; another thread does, and it returns within hundredths of a second."""
    if math.isinf(ends) and stopped is None:
        yield
        return
    done, over = threading.Event(), threading.Event()

    def watch() -> None:
        while not (stopped and stopped()) and (left := ends - time.monotonic()) > 0:
            if done.wait(min(left, _LOOK) if stopped else left):
                return
        over.set()
        while not done.wait(_PAUSE):
            with suppress(Exception):  # it refuses before it runs
                smile.abort()

    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()  # it must not ask a library that is gone
    if over.is_set():
        raise TimeoutError


@cache
def _library() -> tuple[ModuleType, Path]:
    """The package's module of the library, and its folder of configurations."""
    found = find_spec("opensmile")  # finds the package, and imports nothing of it
    if found is None or not found.submodule_search_locations:
        raise ModuleNotFoundError("No module named 'opensmile'", name="opensmile")
    core = Path(os.path.realpath(found.submodule_search_locations[0])) / "core"
    name = f"{__name__}.lib"
    spec = spec_from_file_location(name, core / "lib.py")
    assert spec is not None and spec.loader is not None
    module = module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    # It takes the paths of its configurations for ASCII, and the folder of an environment may be called anything.
    module.bytes = lambda text, _: os.fsencode(text)  # type: ignore[attr-defined]
    return module, core / "config"
