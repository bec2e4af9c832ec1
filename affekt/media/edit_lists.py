"""Pauses that the edit list of an MP4 or QuickTime file makes between parts of a track: ffmpeg fills them otherwise."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from affekt.media.ffmpeg_run import FfmpegRun
from affekt.media.movie_index import Edit, edits_of

#: Seconds that a picture's time and the edge of a pause may differ and be the same.
_SLACK = 1e-3
_Pauses = dict[int, list[tuple[float, float]]]


def without_pauses(path: Path, result: FfmpegRun, video: int | None, sound: int | None, sample_rate: int) -> FfmpegRun:
    """A run without what ffmpeg shows and plays in pauses: the beginning of the track once more.

    Args:
        path: of the file.
        result: of the run over it.
        video, sound: the numbers of the streams that were decoded.
        sample_rate: of the sound, Hz.
    """
    found = pauses(path)
    start = max(0.0, result.report.listing.start)
    seen, heard = (
        [(a - start, b - start) for a, b in (found.get(number, ()) if number is not None else ())]
        for number in (video, sound)
    )
    if seen and result.frames is not None:
        shown = [n for n, t in enumerate(result.times) if not any(a - _SLACK <= t < b - _SLACK for a, b in seen)]
        if shown:
            result.frames.keep(shown)
            result = replace(result, times=result.times[shown])
    if heard and result.sound.size:
        samples = result.sound.copy()
        for edges in heard:
            first, last = (max(0, round((edge - result.sound_start) * sample_rate)) for edge in edges)
            samples[first:last] = 0
        result = replace(result, sound=samples)
    return result


def pauses(path: Path) -> _Pauses:
    """From when to when each track of a file pauses after it has begun, seconds; nothing of another kind of file."""
    found = {track: _between(edits) for track, edits in enumerate(edits_of(path))}
    return {track: between for track, between in found.items() if between}


def _between(edits: list[Edit]) -> list[tuple[float, float]]:
    time, begun, found = 0.0, False, []
    for length, media in edits:
        end = time + length
        if media != -1:
            begun = True
        elif begun:
            found.append((time, end))
        time = end
    return found
