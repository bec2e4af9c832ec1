"""openSMILE's library itself: sound in, values out, without the data frames of its Python package.

The package ``opensmile`` imports pandas and what that needs (0.5 s), and turns what the library gives into tables. Its
module that speaks to the library needs neither, so that alone is loaded. The values are those of ``opensmile.Smile``.
"""

from __future__ import annotations

import os
import sys
from functools import cache
from importlib.util import find_spec, module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

#: What the library's components for sound from memory and values to memory are called in its configurations.
_SOURCE, _SINK = "extsource", "extsink"
_QUIET = 2


class Extractor:
    """One level of a feature set of openSMILE.

    Args:
        configuration: below the package's folder of configurations, as ``egemaps/v02/eGeMAPSv02.conf``.
        level: ``func`` for functionals, ``lld`` for low-level descriptors.

    Attributes:
        names: of the values.
    """

    def __init__(self, configuration: str, level: str) -> None:
        self._library, root = _library()
        self._configuration = str(root / configuration)
        self._options = {
            "source": str(root / "shared" / "standard_external_wave_input.conf.inc"),
            "sink": str(root / "shared" / "standard_external_data_output_single.conf.inc"),
            "sinkLevel": level,
            "bufferModeRbConf": str(root / "shared" / "BufferModeRb.conf.inc"),
            "frameModeFunctionalsConf": str(root / "shared" / "FrameModeFunctionals.conf.inc"),
        }
        smile = self._started()
        count = smile.external_sink_get_num_elements(_SINK)
        self.names: tuple[str, ...] = tuple(smile.external_sink_get_element_name(_SINK, n) for n in range(count))
        smile.free()

    def __call__(self, sound: np.ndarray, sample_rate: int) -> np.ndarray:
        """Float32 ``[rows, len(names)]`` of float32 sound ``[n]`` in [-1, 1); no row where it is too short for one."""
        smile = self._started(sampleRate=sample_rate, nBits=16)
        rows: list[np.ndarray] = []
        smile.external_sink_set_callback_ex(_SINK, lambda values, _: rows.append(values.copy()))
        smile.external_audio_source_write_data(_SOURCE, (sound * 32768).astype(np.int16).tobytes())
        smile.external_audio_source_set_eoi(_SOURCE)
        smile.run()
        smile.free()
        return np.vstack(rows).astype(np.float32) if rows else np.zeros((0, len(self.names)), np.float32)

    def _started(self, **more: int) -> Any:
        smile = self._library.OpenSMILE()
        options = {**self._options, **more}
        smile.initialize(config_file=self._configuration, options=options, loglevel=_QUIET, log_file=None, debug=False)
        return smile


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
    return module, core / "config"
