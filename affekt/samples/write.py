"""Write the sample clips and the sample face images, with their labels."""

from __future__ import annotations

import csv
import errno
import logging
import os
import re
import tempfile
import wave
from collections.abc import Collection
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path

import cv2
import ffmpeg
import imageio_ffmpeg
import numpy as np

from affekt.counted import counted
from affekt.dataset.labels import LABELS
from affekt.errors import DataError, MediaError
from affekt.progress import Progress
from affekt.samples.film import FRAME_RATE, SIZE, film, portraits
from affekt.samples.subjects import make_subject
from affekt.samples.voice import SAMPLE_RATE, speak

logger = logging.getLogger(__name__)

#: What the manifest says of where the clips come from; reports of such clips carry a notice.
SAMPLE_SOURCE = "affekt sample"
#: More clips a label than this are further takes of the same subjects.
MOST_SUBJECTS = 12
#: Frames of a clip: 1.6 to 2.4 s.
FRAMES = (40, 60)
#: Side of a face image, pixels.
FACE_SIDE = 96


@dataclass(frozen=True)
class PlannedClip:
    """One sample clip to be: its path in the folder, label, subject (by number), split, and the how-manieth it is."""

    path: str
    label: str
    subject: int
    split: str
    take: int


def plan_clips(clips_per_label: int) -> list[PlannedClip]:
    """Which clips there will be: each label ``clips_per_label`` times, spread evenly over subjects.

    There are as many subjects as clips a label, 12 at most; a third of them, at least one where there are two, is
    ``val`` and the rest ``train``.

    Raises:
        DataError: ``clips_per_label`` is below 1.
    """
    if clips_per_label < 1:
        raise DataError(f"clips_per_label is {clips_per_label}; expected 1 or more", code="too_few_clips")
    subjects = min(clips_per_label, MOST_SUBJECTS)
    held_out = max(1, round(subjects / 3)) if subjects > 1 else 0
    planned = []
    for subject in range(subjects):
        takes = clips_per_label // subjects + (subject < clips_per_label % subjects)
        split = "val" if subject >= subjects - held_out else "train"
        for label in LABELS:
            for take in range(1, takes + 1):
                path = f"clips/{_name(subject)}-{label}-{take:02d}.mp4"
                planned.append(PlannedClip(path, label, subject, split, take))
    return planned


def write_samples(folder: Path, *, clips_per_label: int, seed: int = 0, progress: bool = True) -> Path:
    """Write labelled clips of an animated face with a synthetic voice.

    They exist for the demo and for tests: no figure measured on them says anything about recognising people's
    emotions, and none is ever quoted as an accuracy. The face is made from one photograph of a real person (see
    :mod:`affekt.samples.photograph`); the subjects are variations of it, and the voices are synthesised.

    Writes ``clips/<subject>-<label>-<nn>.mp4`` (H.264, 320 x 240, 25 frames/s; AAC, mono; 1.6 to 2.4 s) and
    ``manifest.csv`` (path, label, subject, split, source), as :func:`plan_clips` lays down. On one machine the same
    arguments give the same bytes.

    Args:
        folder: a new or empty folder, or one that this function wrote before (what differs is replaced).
        clips_per_label: 1 or more.
        seed: of everything that is left to chance, 0 or more.
        progress: show progress, and tell at the end what was written.

    Returns:
        the folder.

    Raises:
        DataError: an argument is out of range, or the folder holds other files.
        MediaError: ffmpeg could not write a clip.
    """
    folder = Path(folder)
    planned = plan_clips(clips_per_label)
    _check_seed(seed)
    own = rf"manifest\.csv|clips/s\d+-({'|'.join(LABELS)})-\d+\.mp4"
    _claim(folder, own, {clip.path for clip in planned} | {"manifest.csv"})
    (folder / "clips").mkdir(parents=True, exist_ok=True)
    with Progress("writing sample clips", len(planned)) if progress else nullcontext() as shown:
        for clip in planned:
            subject = make_subject(clip.subject, seed)
            generator = np.random.default_rng([seed, clip.subject, LABELS.index(clip.label), clip.take])
            frames = int(generator.integers(FRAMES[0], FRAMES[1] + 1))
            voice = speak(subject, clip.label, frames / FRAME_RATE, FRAME_RATE, generator)
            _encode(folder / clip.path, film(subject, clip.label, voice.mouth, generator), voice.sound)
            if shown is not None:
                shown.advance()
    with (folder / "manifest.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(("path", "label", "subject", "split", "source"))
        writer.writerows((clip.path, clip.label, _name(clip.subject), clip.split, SAMPLE_SOURCE) for clip in planned)
    if progress:
        logger.info("wrote %s to %s", counted(len(planned), "sample clips"), folder)
    return folder


def write_sample_faces(folder: Path, *, per_label: int, seed: int = 0) -> Path:
    """Write labelled still images of animated faces, in the role that FER2013 has in real training.

    For the demo and for tests only, like the clips of :func:`write_samples`: no figure measured on them is ever
    quoted as an accuracy. The subjects differ from those of the clips, and each has one image of each label.

    Writes ``train/<label>/<nnn>.png`` and ``val/<label>/<nnn>.png`` (grey, 96 x 96, cropped to the face); of two
    images or more a fifth, at least one, is in ``val``.

    Args:
        folder: a new or empty folder, or one that this function wrote before (what differs is replaced).
        per_label: images of each label, 1 or more.
        seed: of everything that is left to chance, 0 or more.

    Returns:
        the folder.

    Raises:
        DataError: an argument is out of range, the folder holds other files, or an image could not be written.
    """
    folder = Path(folder)
    if per_label < 1:
        raise DataError(f"per_label is {per_label}; expected 1 or more", code="too_few_faces")
    _check_seed(seed)
    held_out = max(1, per_label // 5) if per_label > 1 else 0
    splits = ["train"] * (per_label - held_out) + ["val"] * held_out
    names = [f"{split}/{{}}/{number + 1:03d}.png" for number, split in enumerate(splits)]
    own = rf"(train|val)/({'|'.join(LABELS)})/\d+\.png"
    _claim(folder, own, {name.format(label) for name in names for label in LABELS})
    for number, name in enumerate(names):
        subject = make_subject(number, seed, stills=True)
        images = portraits(subject, LABELS, FACE_SIDE, np.random.default_rng([seed, number, 1]))
        for label, image in zip(LABELS, images, strict=True):
            path = folder / name.format(label)
            path.parent.mkdir(parents=True, exist_ok=True)
            if not cv2.imwrite(str(path), image):
                raise DataError("could not be written; is the disk full?", code="unwritable", where=str(path))
    return folder


def _name(subject: int) -> str:
    return f"s{subject + 1:02d}"


def _check_seed(seed: int) -> None:
    if seed < 0:
        raise DataError(f"seed is {seed}; expected 0 or more", code="seed")


def _claim(folder: Path, own: str, planned: Collection[str]) -> None:
    """Refuse a folder with files of others in it; in one of our own, remove what is not planned this time.

    Args:
        folder: where to write.
        own: a pattern that the relative paths of our own files match.
        planned: the relative paths that are about to be written.

    Raises:
        DataError: the folder is a file or holds something else.
    """
    if folder.exists() and not folder.is_dir():
        raise DataError("is a file; expected a new or an empty folder", code="not_a_folder", where=str(folder))
    outdated = []
    for parent, _, files in os.walk(folder):
        for file in files:
            relative = (Path(parent) / file).relative_to(folder).as_posix()
            if not re.fullmatch(own, relative):
                raise DataError(
                    f"holds other files, such as {relative}; name a new or an empty folder",
                    code="not_empty",
                    where=str(folder),
                )
            if relative not in planned:
                outdated.append(folder / relative)
    for path in outdated:
        path.unlink()


def _encode(path: Path, pictures: np.ndarray, sound: np.ndarray) -> None:
    """Write pictures (yuv420p planes, uint8 ``[T, H * 3 / 2, W]``) and sound as MP4, with one ffmpeg process."""
    with tempfile.TemporaryDirectory(prefix="affekt-") as scratch:
        track = Path(scratch) / "voice.wav"
        with wave.open(str(track), "wb") as file:
            file.setnchannels(1)
            file.setsampwidth(2)
            file.setframerate(SAMPLE_RATE)
            file.writeframes(np.round(np.clip(sound, -1, 1) * 32767).astype("<i2").tobytes())
        width, height = SIZE
        picture = ffmpeg.input("pipe:", format="rawvideo", pix_fmt="yuv420p", s=f"{width}x{height}", r=FRAME_RATE)
        voice = ffmpeg.input(str(track))
        # One thread and no encoder names in the file: the same input gives the same bytes.
        command = ffmpeg.output(
            picture.video, voice.audio, str(path), vcodec="libx264", preset="veryfast", crf=25, threads=1,
            acodec="aac", audio_bitrate="56k", map_metadata=-1, movflags="+faststart", fflags="+bitexact",
            **{"flags:v": "+bitexact", "flags:a": "+bitexact"},
        )  # fmt: skip
        try:
            command.overwrite_output().run(
                cmd=imageio_ffmpeg.get_ffmpeg_exe(), input=pictures.tobytes(), capture_stdout=True, capture_stderr=True
            )
        except ffmpeg.Error as error:
            told = error.stderr.decode(errors="replace").strip()
            said = " / ".join(told.splitlines()[-3:])
            if os.strerror(errno.ENOSPC) in told:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path)) from error
            raise MediaError(f"ffmpeg could not write the clip: {said}", code="encode", where=str(path)) from error
