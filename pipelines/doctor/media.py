"""Whether a clip can be decoded, searched for faces, and heard: tried with one that is made here."""

from __future__ import annotations

import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

from affekt.errors import AffektError
from affekt.pipelines.doctor.finding import MISSING, OK, Finding

_GROUP = "media"


def findings() -> Iterator[Finding]:
    """The decoder, openSMILE, and the face detector of the presets."""
    import cv2  # OpenCV and numpy: half a second

    from affekt.media.decode import decode  # heavy: cv2
    from affekt.media.detectors import detector_for  # heavy: cv2
    from affekt.media.functionals import voice_of  # heavy: openSMILE
    from affekt.settings import load_settings  # with the others, whose failure is reported

    settings = load_settings("small").media
    with tempfile.TemporaryDirectory(prefix="affekt-doctor-") as folder:
        clip = Path(folder) / "clip.mp4"
        try:
            _make(clip)
            decoded = decode(clip, settings)
        except (AffektError, OSError, RuntimeError, subprocess.SubprocessError) as error:
            text, remedy = f"a clip that was made here cannot be decoded ({error})", "see ffmpeg above"
            yield Finding(_GROUP, "decoder", MISSING, text, remedy, needed=True)
            return
    seconds = decoded.sound.size / settings.sample_rate
    yield Finding(_GROUP, "decoder", OK, f"{len(decoded.times)} pictures and {seconds:.1f} s of sound", needed=True)
    try:
        voice = voice_of(decoded.sound, settings.sample_rate, settings.functionals)
        text = f"{len(voice.functionals)} functionals of that sound"
        yield Finding(_GROUP, settings.functionals, OK, text, needed=True)
    except (AffektError, ImportError, OSError, RuntimeError) as error:
        remedy = "pip install --force-reinstall opensmile; it needs glibc"
        yield Finding(_GROUP, settings.functionals, MISSING, f"openSMILE fails ({error})", remedy, needed=True)
    try:
        detector_for(settings)
        text = f"OpenCV {cv2.__version__} has its weights"
        yield Finding(_GROUP, settings.detector, OK, text, needed=True)
    except (AffektError, cv2.error) as error:
        remedy = "pip install --force-reinstall opencv-python-headless"
        yield Finding(_GROUP, settings.detector, MISSING, str(error), remedy, needed=True)


def _make(clip: Path) -> None:
    """Two seconds of a test picture and a tone, in the formats that phones write."""
    from affekt.media.ffmpeg_command import ffmpeg_binary  # as above

    sources = ("-f", "lavfi", "-i", "testsrc=s=160x120:r=25:d=2", "-f", "lavfi", "-i", "sine=440:d=2")
    coded = ("-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p", "-c:a", "aac", "-threads", "1")
    command = [ffmpeg_binary(), "-v", "error", "-nostdin", *sources, *coded, str(clip)]
    subprocess.run(command, check=True, capture_output=True, timeout=60)
