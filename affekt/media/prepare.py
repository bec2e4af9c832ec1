"""Prepares clips: one file, or a whole table of them with a pool of workers, and still face images."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from affekt.counted import counted
from affekt.errors import AffektError, DataError, MediaError
from affekt.media.ahead import Ahead
from affekt.media.deadline import Deadline
from affekt.media.decode import Decoded, decode, decode_channels, decode_sound
from affekt.media.downmix import same_sound, spoken_together
from affekt.media.even_frames import even_frames
from affekt.media.faces import Faces, find_faces
from affekt.media.frames import Spill
from affekt.media.functionals import Voice, voice_of
from affekt.media.loudness import level_of
from affekt.media.person import PROMINENT, check_choice
from affekt.media.pictures import FacePictures
from affekt.media.prepared import FaceSet, PreparedClip, PreparedIndex, WidePictures
from affekt.media.sound_code import Sound
from affekt.media.wanted import wanted
from affekt.progress import track
from affekt.settings import MediaSettings
from affekt.stages import stage

if TYPE_CHECKING:
    from affekt.dataset.faces import FaceImage

logger = logging.getLogger(__name__)
#: A picture whose sides differ by a larger factor is no face that was cut out; one of fewer grey levels holds nothing.
_SQUARE, _FEWEST_GREYS = 1.25, 2
_NOT_SQUARE = "squeezed into a square, whole, since nothing searches for the face in them; cut it out before"
_ONE_COLOUR = "of one colour, in which no face is; leave them out"


def prepare_file(
    path: str | Path,
    settings: MediaSettings,
    who: str = PROMINENT,
    deadline: Deadline | None = None,
    seen: Callable[[PreparedClip], None] = lambda clip: None,
    heard: Callable[[PreparedClip], None] = lambda clip: None,
) -> PreparedClip:
    """Prepare one media file. The result depends on nothing but the bytes of the file, the settings and the person.

    A clip without a face is prepared with the flag ``no_face``, one without usable sound with ``voice`` false.

    Args:
        path: of the file.
        settings: the limits, and what is made of a file.
        who: the person whose face is cut out.
        deadline: until when; that of ``media.timeout_seconds`` from now on where not given.
        seen: is given a clip with a face while its sound is still listened to, once all that is seen of it is there:
            what is heard is missing, and ``voice`` is false. What it raises ends the preparation.
        heard: is given, in another thread, a clip once all that is heard of it is there: it has no frame. As ``seen``.

    Raises:
        MediaError: ``missing``, ``empty``, ``too_large``, ``too_long``, ``too_many_pixels``, ``unreadable``,
            ``no_streams``, ``timeout``, ``nothing_usable`` where there is neither a face nor a voice, or
            ``unknown_person`` where nobody is who is asked for (:data:`affekt.media.person.CHOICES`).
    """
    check_choice(who)
    deadline = deadline or Deadline.of(settings, path)
    check = partial(deadline.check, "while its faces were searched")
    # Sound and faces of a clip need nothing of each other, and both are worked out without Python's lock.
    with Ahead(settings, check) as ahead, ThreadPoolExecutor(1, "affekt-sound") as beside, wanted():
        with stage("decode"):
            decoded = decode(path, settings, deadline.ends, ahead.arrived)
        sound = beside.submit(copy_context().run, _listen, path, decoded, settings, deadline, heard)
        try:
            with stage("faces"):
                found = find_faces(decoded.frames, settings, who, check, ahead.search_of(decoded.frames))
        except MediaError as error:
            raise MediaError(error.message, code=error.code, where=str(path)) from error
        clip = _seen(decoded, found, settings)
        if found.present.any():
            seen(clip)
        voice, sound_flags = sound.result()
    if not found.present.any() and not voice.usable:
        reasons = [found.why_none, *(flag.replace("_", " ") for flag in voice.flags)]
        raise MediaError(
            f"has neither a face nor a voice that can be used ({', '.join(filter(None, reasons))})",
            code="nothing_usable", where=str(path),
        )  # fmt: skip
    of_file = clip.flags[len(found.flags) :]
    return _with_voice(replace(clip, flags=(*found.flags, *sound_flags, *of_file)), voice)


def _seen(decoded: Decoded, found: Faces, settings: MediaSettings) -> PreparedClip:
    """A clip without what is heard of it."""
    flags = list(found.flags)
    videos = decoded.report.listing.videos
    flags += ["several_videos"] if len(videos) > 1 else []
    flags += ["undecoded_video"] if videos and not len(decoded.frames) else []
    flags += ["truncated"] if decoded.truncated else ["damaged"] if decoded.report.damaged else []
    details: dict[str, Any] = {
        "width": decoded.frames.source_width if len(decoded.frames) else 0,
        "height": decoded.frames.source_height if len(decoded.frames) else 0,
        "seconds": round(decoded.seconds + (decoded.missing_seconds if decoded.truncated else 0.0), 3),
        "sound_seconds": round(len(decoded.sound) / settings.sample_rate, 3),
        **found.details,
    }
    if (level := level_of(decoded.sound, settings.sample_rate)) is not None:
        details["level"] = round(level, 2)
    if decoded.truncated:
        details["missing_seconds"] = round(decoded.missing_seconds, 3)
    faces = FacePictures.of(found.cut, found.present, settings.face_size, settings.picture_quality)
    return PreparedClip(
        faces=faces, present=found.present, boxes=found.boxes, times=decoded.times,
        functionals=np.zeros(0, np.float32), voice=False, flags=tuple(flags), details=details,
        wide=_wide(found, settings),
    )  # fmt: skip


def _wide(found: Faces, settings: MediaSettings) -> WidePictures | None:
    """The faces with a margin around them, where the settings ask for them."""
    if not settings.wide_size:
        return None
    shown = np.flatnonzero(found.present)
    frames = np.unique(even_frames(shown, settings.wide_frames)) if len(shown) else shown
    pictures = FacePictures.of(
        lambda number: found.cut_wide(int(frames[number])),
        np.ones(len(frames), bool), settings.wide_size, settings.picture_quality,
    )  # fmt: skip
    return WidePictures(frames, pictures)


def _with_voice(clip: PreparedClip, voice: Voice) -> PreparedClip:
    return replace(
        clip, functionals=voice.functionals, voice=voice.usable, descriptors=voice.descriptors, sound=Sound(voice.sound)
    )


def _listen(
    path: str | Path,
    decoded: Decoded,
    settings: MediaSettings,
    deadline: Deadline,
    heard: Callable[[PreparedClip], None],
) -> tuple[Voice, list[str]]:
    """The voice of a clip, and the flags of its sound, once it was told what is heard."""
    voice, flags = _voice(path, decoded, settings, deadline)
    side = settings.face_size
    unseen = PreparedClip(
        faces=np.zeros((0, side, side, 3), np.uint8), present=np.zeros(0, bool), boxes=np.zeros((0, 4), np.float32),
        times=np.zeros(0, np.float32), functionals=voice.functionals, voice=False, flags=tuple(flags),
    )  # fmt: skip
    heard(_with_voice(unseen, voice))
    return voice, flags


def _voice(path: str | Path, decoded: Decoded, settings: MediaSettings, deadline: Deadline) -> tuple[Voice, list[str]]:
    """The voice of a clip, and the flags of its sound.

    Where the sound that counts is silent or no voice, the first of its channels that is one alone takes its place, or
    the first of the other sounds. Where its channels have nothing in common and one alone is a voice, that one does;
    where several are, all are heard and flagged.
    """

    def heard(sound: np.ndarray) -> Voice:
        deadline.check("before its sound was listened to")
        try:
            return voice_of(
                sound, settings.sample_rate, settings.functionals,
                level=settings.one_level, trim=settings.trim_silence, ends=deadline.ends,
            )  # fmt: skip
        except TimeoutError:
            raise deadline.over("while its sound was listened to") from None

    with stage("sound"):
        voice = heard(decoded.sound)
        several, several_flags = decoded.several_channels, ["several_sounds"] if decoded.other_sounds else []
        if several is not None and (voice.flags == ("no_voice",) or (voice.usable and decoded.apart)):
            channels = decode_channels(path, settings, several, decoded.zero, deadline.ends)
            others = [part for part in channels if decoded.apart or not same_sound(part, decoded.sound)]
            spoken = [(part, alone) for part in others if (alone := heard(part)).usable]
            voices = [alone for _, alone in spoken]
            # A noise beside a voice would be part of it; two voices are both heard.
            if voices and (len(voices) == 1 or not voice.usable):
                return voices[0], ["one_channel", *voices[0].flags]
            if not spoken_together([part for part, _ in spoken]):
                several_flags.append("several_voices")
        if not voice.usable:
            for stream in decoded.other_sounds:
                other = heard(decode_sound(path, settings, stream, decoded.zero, deadline.ends))
                if other.usable:
                    return other, ["other_sound", *other.flags]
    return voice, [*voice.flags, *several_flags]


def check_skipped(index: PreparedIndex, settings: MediaSettings) -> None:
    """Refuse to go on when too many clips are unusable.

    Raises:
        DataError: ``too_many_skipped``: their share exceeds ``settings.max_skipped``; the first reasons are named.
    """
    usable = {row.clip for row in index.rows}
    unusable = [item for item in index.skipped if item.clip not in usable]
    total = len(usable) + len(unusable)
    if total and not usable:
        share = 1.0
    else:
        share = len(unusable) / total if total else 0.0
    if share > settings.max_skipped or (total and not usable):
        first = "".join(f"\n  - {item.clip}: {item.reason}" for item in unusable[:10])
        more = f"\n  … and {len(unusable) - 10} more" if len(unusable) > 10 else ""
        raise DataError(
            f"{len(unusable)} of {counted(total, 'clips')} cannot be used; "
            f"media.max_skipped allows {settings.max_skipped:.0%}. Repair or remove them, or raise the "
            f"limit.{first}{more}",
            code="too_many_skipped",
        )


def prepare_faces(images: Sequence[FaceImage], size: int) -> FaceSet:
    """Still face images as one array of the given side, in their order; unreadable ones are left out with a warning.

    So are told those that cannot be a cut-out face: nothing searches for faces in them.
    """
    odd: dict[str, list[str]] = {_ONE_COLOUR: [], _NOT_SQUARE: []}
    pictures = Spill().array((len(images), size, size, 3))  # 32,000 images of FER2013 at 256 are 6 GB
    labels: list[str] = []
    splits: list[str] = []
    names: list[str] = []
    for image in track(images, "prepare face images", len(images), "image"):
        try:
            picture = image.load()
            pictures[len(labels)] = _in_size(picture, size, image.uri)
        except (AffektError, OSError, ValueError) as error:
            logger.warning("%s: left out, cannot be read (%s)", image.id, error)
            continue
        labels.append(image.label)
        splits.append(image.split)
        names.append(image.id)
        if min(picture.shape[:2]) * _SQUARE < max(picture.shape[:2]):
            odd[_NOT_SQUARE].append(image.id)
        if int(picture.max()) - int(picture.min()) < _FEWEST_GREYS:
            odd[_ONE_COLOUR].append(image.id)
    for what, which in odd.items():
        if which:
            shown = ", ".join(which[:3]) + (" …" if len(which) > 3 else "")
            logger.warning("%d of %s %s: %s", len(which), counted(len(labels), "face images"), what, shown)
    if len(set(labels)) == 1:
        logger.warning("all %s are %s, so that they tell nothing apart", counted(len(labels), "face images"), labels[0])
    return FaceSet(pictures[: len(labels)], tuple(labels), tuple(splits), tuple(names))


def face_picture(image: FaceImage, size: int) -> np.ndarray:
    """A still face image in the given side, uint8 ``[size, size, 3]`` RGB.

    Raises:
        MediaError: it is missing, or no picture that can be decoded.
    """
    return _in_size(image.load(), size, image.uri)


def _in_size(loaded: np.ndarray, size: int, where: str) -> np.ndarray:
    picture = np.asarray(loaded)
    if picture.dtype != np.uint8 or picture.ndim != 3 or picture.shape[2] != 3 or 0 in picture.shape:
        raise MediaError(
            f"expected uint8 [H, W, 3], got {picture.dtype} {picture.shape}", code="unreadable", where=where
        )
    method = cv2.INTER_AREA if min(picture.shape[:2]) > size else cv2.INTER_LINEAR
    return cv2.resize(picture, (size, size), interpolation=method)
