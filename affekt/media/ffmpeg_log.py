"""What ffmpeg says about a file on standard error: its streams, length, rotation, and why it failed."""

from __future__ import annotations

import re
from dataclasses import dataclass

_DURATION = re.compile(r"^  Duration: (?:(\d+):(\d\d):(\d\d(?:\.\d+)?)|N/A)", re.MULTILINE)
_STREAM = re.compile(r"^  Stream #0:(\d+).*?: (Video|Audio): (.*)$", re.MULTILINE)
_MAPPED = re.compile(r"^  Stream #0:(\d+) -> #\d+:0 \(", re.MULTILINE)
_SIZE = re.compile(r", (\d{1,6})x(\d{1,6})(?=[ ,]|$)")
_RATE = re.compile(r", (\d+(?:\.\d+)?)(k?) (?:fps|tbr)")
_ROTATION = re.compile(r"rotation of (-?\d+(?:\.\d+)?) degrees")
_NOISE = re.compile(r"^(?:\[[^\]]*\] ?)+")
_DAMAGE = re.compile(r"error (?:while decoding|submitting packet|at mb)|corrupt decoded frame|concealing \d+", re.I)
_COMPLAINTS = ("error", "invalid", "exceeds", "could not", "not found", "no such", "unsupported")


@dataclass(frozen=True)
class FileReport:
    """What the demuxer found in a file.

    Attributes:
        duration: seconds, 0 where the file does not say.
        has_video, has_sound: whether it lists such a stream (a cover picture is not a video).
        width, height: of the video that was decoded, as shown (after rotation), pixels; 0 where unknown.
        frame_rate: frames a second as the file states them; 0 where unknown.
        damaged: parts of a stream could not be decoded.
        complaint: the first line that says what went wrong, ``""`` where nothing did.
    """

    duration: float
    has_video: bool
    has_sound: bool
    width: int
    height: int
    frame_rate: float
    damaged: bool
    complaint: str


def read_report(text: str) -> FileReport:
    """The report in ffmpeg's standard error at log level ``info``."""
    listing = text.split("\nOutput #", 1)[0]
    matched = _DURATION.search(listing)
    duration = 0.0
    if matched and matched[1] is not None:
        duration = int(matched[1]) * 3600 + int(matched[2]) * 60 + float(matched[3])
    streams = list(_STREAM.finditer(listing))
    videos = [item for item in streams if item[2] == "Video" and "(attached pic)" not in item[3]]
    mapped = {item[1] for item in _MAPPED.finditer(text)}
    video = next((item for item in videos if item[1] in mapped), videos[0] if videos else None)
    width = height = 0
    rate = 0.0
    if video is not None:
        if size := _SIZE.search(video[3]):
            width, height = int(size[1]), int(size[2])
        if stated := _RATE.search(video[3]):
            rate = float(stated[1]) * (1000 if stated[2] else 1)
        following = next((item.start() for item in streams if item.start() > video.start()), len(listing))
        turned = _ROTATION.search(listing, video.end(), following)
        if turned and round(float(turned[1]) / 90) % 2:
            width, height = height, width
    has_sound = any(item[2] == "Audio" for item in streams)
    return FileReport(
        duration, bool(videos), has_sound, width, height, rate, bool(_DAMAGE.search(text)), _complaint(text)
    )


def _complaint(text: str) -> str:
    """The first line that reads like the reason of a failure."""
    if "not on whitelist" in text:
        return "not a container that clips come in"
    for line in text.splitlines():
        bare = _NOISE.sub("", line).strip()
        if not bare.startswith(("Stream ", "Input ", "Output ")) and any(word in bare.lower() for word in _COMPLAINTS):
            return bare.replace("fd:", "the file")[:200]
    return ""
