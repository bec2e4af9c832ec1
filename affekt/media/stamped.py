"""A copy of a recording that does not tell its length, or where in it a moment is: with time stamps and a length."""

from __future__ import annotations

import contextlib
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from affekt.media.ffmpeg_command import ffmpeg_binary
from affekt.media.ffmpeg_start import ENVIRONMENT, limited
from affekt.media.probe import CONTAINERS, MediaInfo, probe
from affekt.settings import MediaSettings

#: A copy is larger than what is copied, by its time stamps: by this factor at most, and so many bytes.
_LARGER, _HEAD = 3, 1 << 20


@dataclass(frozen=True)
class Stamped:
    """A recording of which every moment can be found.

    Attributes:
        path: what it is called.
        file: what is read in its place; the same of most.
        info: the header of that.
    """

    path: Path
    file: Path
    info: MediaInfo


@contextlib.contextmanager
def stamped(path: Path, settings: MediaSettings) -> Iterator[Stamped]:
    """A recording, for the length of a ``with`` block, after which the copy is gone.

    Copied is what has no length, as browsers record it, and what has one that is estimated from its size; but for
    films, which have as many bytes for every picture then (DV). So is Ogg, which tells the length of the last of
    several recordings that were joined. What cannot be copied within ``media.timeout_seconds`` is left as it is.

    Raises:
        MediaError: as :func:`affekt.media.probe.probe`.
    """
    info = probe(path)
    if info.duration and info.container != "ogg" and (not info.estimated or info.has_video):
        yield Stamped(path, path, info)
        return
    with tempfile.TemporaryDirectory(prefix="affekt-") as folder:
        file = Path(folder, "stamped.mkv")
        command = [
            *(ffmpeg_binary(), "-v", "error", "-nostdin", "-protocol_whitelist", "file"),
            *("-format_whitelist", CONTAINERS, "-i", f"file:{path.absolute()}", "-map", "0:V?", "-map", "0:a?"),
            *("-c", "copy"),
            f"file:{file}",
        ]
        done = None
        with contextlib.suppress(subprocess.TimeoutExpired):
            seconds = settings.timeout_seconds
            done = subprocess.run(
                limited(command, seconds, _LARGER * path.stat().st_size + _HEAD),
                env=ENVIRONMENT,
                capture_output=True,
                timeout=seconds,
                check=False,
            )
        whole = done is not None and not done.returncode and file.is_file()
        yield Stamped(path, file, probe(file)) if whole else Stamped(path, path, info)
