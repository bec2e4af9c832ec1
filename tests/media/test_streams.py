"""Which picture and which sound of a file count, when each of them starts, and how long they are together."""

from __future__ import annotations

import contextlib
import resource
import struct
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from affekt.errors import MediaError
from affekt.media.decode import decode
from affekt.media.edit_lists import pauses
from affekt.media.frame_rate import step_for
from affekt.media.probe import probe
from affekt.media.windows import windows_of
from affekt.settings import MediaSettings

MakeClip = Callable[..., Path]

PICTURE = ("-f", "lavfi", "-i", "testsrc2=s=96x64:r=25:d=2")
TONE = ("-f", "lavfi", "-i", "sine=440:r=44100:d=2")
FAST = ("-c:v", "libx264", "-preset", "ultrafast", "-c:a", "aac")
#: What containers that cannot hold H.264 and AAC take.
CODECS = {
    "webm": ("-c:v", "libvpx", "-deadline", "realtime", "-cpu-used", "8", "-c:a", "libopus"),
    "mpg": ("-c:v", "mpeg2video", "-c:a", "mp2"),
    "avi": ("-c:v", "mpeg4", "-c:a", "pcm_s16le"),
}
CONTAINERS = ("mkv", "mp4", "mov", "ts", "flv", "webm", "mpg")


@pytest.fixture(scope="session")
def plain(make_clip: MakeClip) -> Callable[[str], Path]:
    """Two seconds of moving picture and a tone, coded for a container, in Matroska: to be copied from."""

    def coded(container: str) -> Path:
        codecs = CODECS.get(container, FAST)
        return make_clip(f"plain_{codecs[1]}_{codecs[-1]}.mkv", *PICTURE, *TONE, *codecs)

    return coded


def onset(sound: np.ndarray) -> float:
    """Seconds until something is heard."""
    return float(np.flatnonzero(np.abs(sound.astype(int)) > 500)[0]) / 16000


@pytest.mark.parametrize("container", CONTAINERS)
def test_sound_that_starts_late_stays_late(
    make_clip: MakeClip, plain: Callable[[str], Path], settings: MediaSettings, container: str
) -> None:
    source = plain(container)
    late = ["-i", source, "-itsoffset", "0.7", "-i", source, "-map", "0:v", "-map", "1:a", "-c", "copy"]

    decoded = decode(make_clip(f"late.{container}", *late), settings)

    assert onset(decoded.sound) - decoded.times[0] == pytest.approx(0.7, abs=0.05)
    assert decoded.seconds == pytest.approx(2.7, abs=0.1)
    assert not decoded.truncated


@pytest.mark.parametrize("codec", ["pcm_s16le", "libmp3lame", "aac"])
def test_sound_that_an_avi_says_starts_late_stays_late(
    make_clip: MakeClip, settings: MediaSettings, tmp_path: Path, codec: str
) -> None:
    whole = make_clip(f"start_{codec}.avi", *PICTURE, *TONE, "-c:v", "mpeg4", "-c:a", codec).read_bytes()
    sound = whole.index(b"auds")  # a stream's header: type, codec, flags, ..., scale, rate, start, length
    scale, rate = struct.unpack_from("<2I", whole, sound + 20)
    clip = tmp_path / "late.avi"
    clip.write_bytes(whole[: sound + 28] + struct.pack("<I", round(0.7 * rate / scale)) + whole[sound + 32 :])

    assert onset(decode(clip, settings).sound) == pytest.approx(0.7, abs=0.05)


def test_empty_chunks_of_sound_in_an_avi_take_no_time(
    make_clip: MakeClip, plain: Callable[[str], Path], settings: MediaSettings
) -> None:
    source = plain("mp4")
    late = ["-i", source, "-itsoffset", "0.7", "-i", source, "-map", "0:v", "-map", "1:a", "-c:v", "mpeg4"]
    clip = make_clip("late_chunks.avi", *late, "-c:a", "libmp3lame")  # what it writes in place of a start

    assert b"01wb" + bytes(4) in clip.read_bytes()
    decoded = decode(clip, settings)
    assert onset(decoded.sound) == pytest.approx(0, abs=0.05)
    assert not decoded.truncated


@pytest.mark.parametrize("container", CONTAINERS)
def test_a_picture_that_starts_late_stays_late(
    make_clip: MakeClip, plain: Callable[[str], Path], settings: MediaSettings, container: str
) -> None:
    source = plain(container)
    late = ["-i", source, "-itsoffset", "0.7", "-i", source, "-map", "1:v", "-map", "0:a", "-c", "copy"]

    decoded = decode(make_clip(f"late_picture.{container}", *late), settings)

    assert decoded.times[0] - onset(decoded.sound) == pytest.approx(0.7, abs=0.05)
    assert not decoded.truncated


def test_a_picture_that_pauses_in_an_avi_goes_on_where_it_does(
    make_clip: MakeClip, plain: Callable[[str], Path], settings: MediaSettings
) -> None:
    source = plain("avi")
    late = ["-i", source, "-itsoffset", "0.8", "-i", source, "-map", "1:v", "-map", "0:a", "-c", "copy"]

    assert decode(make_clip("late_picture.avi", *late), settings).times[-1] == pytest.approx(2.76, abs=0.05)


@pytest.mark.parametrize(
    ("container", "start"),
    [*((container, 7200) for container in (*CONTAINERS, "nut", "wmv")), ("mkv", 100), ("wmv", 1.5), ("mkv", -0.5)],
)
def test_a_clip_is_as_long_wherever_its_time_stamps_begin(
    make_clip: MakeClip, plain: Callable[[str], Path], settings: MediaSettings, container: str, start: float
) -> None:
    stamps = ["-c", "copy", "-output_ts_offset", str(start), "-avoid_negative_ts", "disabled"]
    clip = make_clip(f"from{start}.{container}", "-i", plain(container), *stamps)

    decoded, info = decode(clip, settings), probe(clip)

    assert decoded.seconds == pytest.approx(2, abs=0.1)
    assert info.duration == pytest.approx(2, abs=0.1) or start < 0
    assert decoded.times[0] == pytest.approx(0, abs=0.05)
    assert onset(decoded.sound) == pytest.approx(0, abs=0.05)
    assert not decoded.truncated and not info.truncated


@pytest.mark.parametrize(
    ("codec", "start"),
    [("libopus", 0), ("libopus", 3), ("libopus", 7200), ("libvorbis", 3), ("flac", 0), ("flac", 7200)],
)
def test_an_ogg_that_was_recorded_amid_a_broadcast_is_as_long_as_it_is(
    make_clip: MakeClip, settings: MediaSettings, codec: str, start: float
) -> None:
    """It was refused as hours too long, or its beginning said to be missing."""
    clip = make_clip(f"{codec}_{start}.ogg", *TONE, "-c:a", codec, "-output_ts_offset", str(start))

    decoded = decode(clip, settings)

    assert (decoded.seconds, decoded.truncated) == (pytest.approx(2, abs=0.05), False)
    assert codec == "flac" or probe(clip).duration == pytest.approx(2, abs=0.05)
    assert [round(window.end, 1) for window in windows_of(clip, 1.0, settings)] == [1, 2]


def test_fragments_amid_a_broadcast_are_as_long_as_they_are(
    make_clip: MakeClip, settings: MediaSettings, tmp_path: Path
) -> None:
    """What was before them had been said to be missing."""
    fragments = (
        "-force_key_frames",
        "expr:gte(t,n_forced*0.5)",
        "-movflags",
        "frag_keyframe+empty_moov+default_base_moof",
    )
    whole = make_clip("fragments.mp4", *PICTURE, *TONE, *FAST, *fragments).read_bytes()
    starts = [at - 4 for at in range(len(whole)) if whole[at : at + 4] == b"moof"]
    clip = tmp_path / "amid.mp4"
    clip.write_bytes(whole[: starts[0]] + whole[starts[2] :])

    decoded = decode(clip, settings)

    assert (decoded.seconds, decoded.truncated) == (pytest.approx(1, abs=0.1), False)
    assert probe(clip).duration == pytest.approx(1, abs=0.1)


@pytest.mark.parametrize("flags", ["empty_moov", "empty_moov+delay_moov", "dash"])
def test_whole_fragments_that_start_late_are_as_long_as_they_are(
    make_clip: MakeClip, settings: MediaSettings, flags: str
) -> None:
    late = ("-movflags", f"frag_keyframe+{flags}", "-output_ts_offset", "1.5")
    clip = make_clip(f"late_{flags}.mp4", *PICTURE, *TONE, *FAST, *late)

    assert probe(clip).duration == pytest.approx(2, abs=0.1)
    assert decode(clip, settings).seconds == pytest.approx(2, abs=0.1)


def test_an_edit_list_that_cuts_the_beginning_cuts_both(
    make_clip: MakeClip, plain: Callable[[str], Path], settings: MediaSettings
) -> None:
    stamps = ["-c", "copy", "-output_ts_offset", "-0.5", "-avoid_negative_ts", "disabled"]

    decoded = decode(make_clip("edit_list.mp4", "-i", plain("mp4"), *stamps), settings)

    assert decoded.times[-1] == pytest.approx(1.46, abs=0.05)
    assert len(decoded.sound) / 16000 == pytest.approx(1.5, abs=0.05)
    assert not decoded.truncated


@pytest.mark.parametrize("rate", ["25", "30000/1001", "50"])
def test_pictures_without_time_stamps_come_at_the_rate_of_the_clip(
    make_clip: MakeClip, settings: MediaSettings, rate: str
) -> None:
    name = rate.replace("/", "_")
    source = ["-f", "lavfi", "-i", f"testsrc2=s=96x64:r={rate}:d=2"]
    coding = ["-c:v", "libx264", "-bf", "3", "-video_track_timescale", "600"]
    reordered = make_clip(f"reordered{name}.mp4", *source, *coding)
    clip = make_clip(f"reordered{name}.avi", "-i", reordered, "-c", "copy")

    times = decode(clip, settings).times

    per_second = float(np.divide(*map(float, rate.split("/")))) if "/" in rate else float(rate)
    looked_at = per_second / step_for(per_second)
    assert (len(times) - 1) / (times[-1] - times[0]) == pytest.approx(looked_at, rel=0.03)
    assert probe(clip).frame_rate in (None, pytest.approx(per_second, rel=0.03))


def test_bytes_behind_the_last_box_are_no_truncation(
    make_clip: MakeClip, settings: MediaSettings, tmp_path: Path
) -> None:
    whole = make_clip("whole_boxes.mp4", *PICTURE, *TONE, *FAST).read_bytes()
    for tail in (b"a line of text\n", b"\xff" * 7, bytes(range(200)), b"x" * 5000):
        clip = tmp_path / "tail.mp4"
        clip.write_bytes(whole + tail)
        assert not decode(clip, settings).truncated and not probe(clip).truncated


def test_padding_that_is_cut_off_behind_all_boxes_with_content_is_no_truncation(
    make_clip: MakeClip, plain: Callable[[str], Path], tmp_path: Path
) -> None:
    whole = make_clip("to_pad.mp4", "-i", plain("mp4"), "-c", "copy").read_bytes()
    for name, cut in (("free", False), ("udta", False), ("mdat", True)):
        clip = tmp_path / f"{name}.mp4"
        clip.write_bytes(whole + struct.pack(">I", 5000) + name.encode() + bytes(100))
        assert probe(clip).truncated == cut


def with_edits(whole: bytes, *edits: tuple[float, float], track_kind: bytes = b"") -> bytes:
    """An MP4 file whose tracks have the edits in place of their own: seconds, and from when in the media, or -1.

    With a kind (``vide``, ``soun``) those of other tracks stay.
    """
    made = bytearray(whole)
    scale = int.from_bytes(made[made.index(b"mvhd") + 16 :][:4], "big")
    at = 0
    while (at := made.find(b"elst", at + 1)) > 0:
        track = made.rindex(b"trak", 0, at)
        if track_kind not in made[at : made.index(b"stbl", at)]:
            continue
        media = int.from_bytes(made[made.index(b"mdhd", track) + 16 :][:4], "big")
        rows = [(round(s * scale), round(m * media) if m >= 0 else -1, 1 << 16) for s, m in edits]
        box = b"elst" + bytes(4) + len(rows).to_bytes(4, "big") + b"".join(struct.pack(">IiI", *row) for row in rows)
        more = len(box) + 4 - int.from_bytes(made[at - 4 : at], "big")
        made[at - 4 : at + len(box) - more] = (len(box) + 4).to_bytes(4, "big") + box
        for parent in (b"moov", b"trak", b"edts"):
            place = made.rindex(parent, 0, at) - 4
            made[place : place + 4] = (int.from_bytes(made[place : place + 4], "big") + more).to_bytes(4, "big")
    return bytes(made)


def test_a_pause_within_an_edit_list_shows_and_plays_nothing(
    make_clip: MakeClip, settings: MediaSettings, tmp_path: Path
) -> None:
    """The beginning of the tracks had been in it once more."""
    whole = make_clip("to_edit.mp4", *PICTURE, *TONE, *FAST, "-g", "25").read_bytes()
    clip = tmp_path / "pauses.mp4"
    clip.write_bytes(with_edits(whole, (1, 0), (0.6, -1), (1, 1)))

    decoded = decode(clip, settings)

    assert len(decoded.times) == 50
    assert not ((decoded.times > 0.99) & (decoded.times < 1.59)).any()
    assert not decoded.sound[17600:24000].any()
    assert np.abs(decoded.sound[4000:14000].astype(int)).max() > 500
    assert np.abs(decoded.sound[28000:38000].astype(int)).max() > 500


def test_edits_without_a_pause_are_as_ffmpeg_has_them(
    make_clip: MakeClip, settings: MediaSettings, tmp_path: Path
) -> None:
    whole = make_clip("to_edit.mp4", *PICTURE, *TONE, *FAST, "-g", "25").read_bytes()
    clip = tmp_path / "edits.mp4"
    for edits, seconds in ((((0.5, -1), (0.2, -1), (2, 0)), 2), (((0.5, 1.5), (0.5, 0)), 1)):
        clip.write_bytes(with_edits(whole, *edits))
        decoded = decode(clip, settings)
        assert not pauses(clip)
        assert decoded.times[-1] == pytest.approx(seconds - 0.04, abs=0.03)


@pytest.mark.parametrize(
    ("picture", "sound", "seconds"), [(0.7, 0, 1.7), (0, 0.7, 1.7), (0.7, 0.9, 1.2), (0.7, 0.7, 1)]
)
def test_what_starts_late_and_is_cut_is_as_long_as_its_edits(
    make_clip: MakeClip, settings: MediaSettings, tmp_path: Path, picture: float, sound: float, seconds: float
) -> None:
    """A pause at the beginning had been counted twice, so that whole clips were called cut off, or too long."""
    whole = make_clip("to_edit.mp4", *PICTURE, *TONE, *FAST, "-g", "25").read_bytes()
    for kind, late in ((b"vide", picture), (b"soun", sound)):
        whole = with_edits(whole, *[(late, -1)] * bool(late), (1, 0.5), track_kind=kind)
    clip = tmp_path / "late_and_cut.mp4"
    clip.write_bytes(whole)

    for decoded in (decode(clip, settings), decode(clip, replace(settings, max_seconds=seconds + 0.1))):
        assert decoded.seconds == pytest.approx(seconds, abs=0.06)
        assert onset(decoded.sound) - decoded.times[0] == pytest.approx(sound - picture, abs=0.06)
        assert not decoded.truncated
    assert probe(clip).duration == pytest.approx(seconds, abs=0.06)


@pytest.mark.parametrize(
    ("container", "whole", "content", "cut"),
    [
        ("wav", 0, 0, False),  # how far the sizes of the whole and of its content are from what they are
        ("wav", 8, 0, False),  # the size of the file, as some write it
        ("wav", 0, 100, False),
        ("wav", None, None, False),  # into a pipe
        ("wav", 8, 8, True),
        ("wav", 4000, 4000, True),
        ("avi", 8, 0, False),
        ("avi", None, None, False),
    ],
)
def test_sizes_that_a_writer_got_wrong_or_did_not_know_are_no_truncation(
    make_clip: MakeClip, tmp_path: Path, container: str, whole: int | None, content: int | None, cut: bool
) -> None:
    source = (*TONE, "-c:a", "pcm_s16le") if container == "wav" else (*PICTURE, *TONE, *CODECS["avi"])
    made = bytearray(make_clip(f"sizes.{container}", *source).read_bytes())
    place = made.index(b"data") + 4 if container == "wav" else made.index(b"movi") - 4
    for start, more in ((4, whole), (place, content)):
        size = struct.unpack_from("<I", made, start)[0]
        struct.pack_into("<I", made, start, 0x7FFFF000 if more is None else size + more)
    clip = tmp_path / f"sizes.{container}"
    clip.write_bytes(made)

    assert probe(clip).truncated == cut


def test_other_streams_that_last_longer_are_no_truncation(make_clip: MakeClip, settings: MediaSettings) -> None:
    longer = ["-f", "lavfi", "-i", "sine=300:d=6"]
    maps = ["-map", "0", "-map", "1", "-map", "2", "-disposition:a:0", "default"]
    for container in ("mkv", "mp4"):
        clip = make_clip(f"longer.{container}", *PICTURE, *TONE, *longer, *maps, *FAST)
        decoded = decode(clip, settings)
        assert decoded.seconds == pytest.approx(2, abs=0.1)
        assert not decoded.truncated


def test_a_pause_between_time_stamps_of_the_sound_is_silence(make_clip: MakeClip, settings: MediaSettings) -> None:
    pause = ["-filter_complex", "[1:a]asetpts='PTS+if(gt(T,1),1/TB,0)'[a]", "-map", "0", "-map", "[a]"]
    clip = make_clip("pause.mkv", *PICTURE, *TONE, *pause, *FAST[:4], "-c:a", "pcm_s16le")

    sound = decode(clip, settings).sound

    heard = np.abs(sound.reshape(-1)[: len(sound) // 1600 * 1600].reshape(-1, 1600).astype(int)).max(axis=1) > 500
    assert len(sound) / 16000 == pytest.approx(3, abs=0.1)
    assert heard[:10].all() and not heard[12:19].any() and heard[22:29].all()


@pytest.mark.parametrize("container", ["mkv", "mp4", "mov"])
def test_the_default_streams_are_taken_and_not_the_first(
    make_clip: MakeClip, settings: MediaSettings, container: str
) -> None:
    sources = ["color=white:s=160x120:d=1", "color=black:s=320x240:d=1", "sine=440:d=1", "anullsrc=d=1"]
    inputs = [word for source in sources for word in ("-f", "lavfi", "-i", source)]
    maps = [word for number in range(4) for word in ("-map", str(number))]
    marks = ["-disposition:v:0", "0", "-disposition:v:1", "default"]
    marks += ["-disposition:a:0", "0", "-disposition:a:1", "default"]

    clip = make_clip(f"marked.{container}", *inputs, *maps, "-t", "1", *FAST, *marks)

    decoded, info = decode(clip, settings), probe(clip)
    assert (decoded.frames.width, decoded.frames.luma(0).mean() < 20) == (320, True)
    assert np.abs(decoded.sound).max(initial=0) < 10
    assert (info.width, info.videos, info.sounds) == (320, 2, 2)
    assert len(decoded.other_sounds) == 1


def test_of_a_still_and_a_moving_picture_the_moving_one_is_taken(make_clip: MakeClip, settings: MediaSettings) -> None:
    still = ["-f", "lavfi", "-i", "color=red:s=320x240:r=25:d=0.04"]
    clip = make_clip("still_default.mkv", *still, *PICTURE, *TONE, "-map", "0", "-map", "1", "-map", "2", *FAST)

    decoded = decode(clip, settings)

    assert (decoded.frames.width, len(decoded.frames)) == (96, 50)
    assert decoded.sound.size


@pytest.mark.parametrize("shown", ["color=black", "color=gray", "testsrc2,trim=end_frame=1,loop=-1:1,trim=end=2"])
def test_a_default_picture_that_is_black_or_does_not_change_gives_way_to_one_that_moves(
    make_clip: MakeClip, settings: MediaSettings, shown: str
) -> None:
    """A camera that was covered, or a slide, beside the one that shows the speaker."""
    name, _, more = shown.partition(",")
    still = ("-f", "lavfi", "-i", f"{name}{':' if '=' in name else '='}s=64x48:r=25:d=2" + f",{more}" * bool(more))
    marks = ("-map", "0", "-map", "1", "-disposition:v:0", "default", "-disposition:v:1", "0")
    clip = make_clip(f"still_{len(shown)}.mkv", *still, *PICTURE, *marks, *FAST[:4])

    decoded = decode(clip, settings)

    assert (decoded.frames.source_width, len(decoded.times)) == (96, 50)
    assert len(decoded.report.listing.videos) == 2


def test_a_default_picture_in_which_little_moves_is_kept(make_clip: MakeClip, settings: MediaSettings) -> None:
    small = ("-f", "lavfi", "-i", "color=gray:s=320x240:r=25:d=2", "-f", "lavfi", "-i", "color=white:s=16x16:r=25:d=2")
    marks = ("-map", "[v]", "-map", "2", "-disposition:v:0", "default", "-disposition:v:1", "0")
    clip = make_clip("small.mkv", *small, *PICTURE, "-filter_complex", "[0][1]overlay=x=4*n:y=99[v]", *marks, *FAST[:4])

    assert decode(clip, settings).frames.source_width == 320


def test_a_time_code_hides_no_picture_from_the_header(make_clip: MakeClip, settings: MediaSettings) -> None:
    clip = make_clip("timecode.mov", *PICTURE, *TONE, *FAST, "-timecode", "10:00:00:00")

    info = probe(clip)

    assert (info.has_video, info.width, info.height, info.frame_rate, info.videos) == (True, 96, 64, 25, 1)
    assert len(decode(clip, settings).frames) == 50


def test_a_clip_that_says_it_is_too_long_is_refused_before_it_is_decoded(
    make_clip: MakeClip, settings: MediaSettings
) -> None:
    source = ["-f", "lavfi", "-i", "testsrc2=s=640x480:r=10:d=0.5", "-c:v", "libx264", "-preset", "ultrafast"]
    short = make_clip("half_a_second.mkv", *source)
    long = make_clip("hundred_seconds.mkv", "-stream_loop", "199", "-i", short, "-c", "copy")

    def cost(max_seconds: float) -> float:
        before = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime
        with contextlib.suppress(MediaError):
            decode(long, replace(settings, max_seconds=max_seconds))
        return resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime - before

    with pytest.raises(MediaError) as refused:
        decode(long, replace(settings, max_seconds=90.0))
    assert refused.value.code == "too_long"
    assert cost(90.0) < cost(110.0) / 4


def test_a_clip_that_is_longer_than_it_says_is_refused_by_its_count(
    make_clip: MakeClip, settings: MediaSettings, tmp_path: Path
) -> None:
    content = make_clip("four.flv", "-f", "lavfi", "-i", "testsrc2=s=64x64:r=10:d=4", "-c:v", "flv1").read_bytes()
    place = content.index(b"duration") + len(b"duration") + 1
    lying = tmp_path / "lying.flv"
    lying.write_bytes(content[:place] + np.array(1.0, ">f8").tobytes() + content[place + 8 :])

    with pytest.raises(MediaError) as refused:
        decode(lying, replace(settings, max_seconds=2.0))

    assert refused.value.code == "too_long"


@pytest.mark.parametrize(("first", "late"), [("1:v", "0:a"), ("0:v", "1:a")])
def test_a_stream_that_begins_late_is_seen_in_the_header(
    make_clip: MakeClip, plain: Callable[[str], Path], first: str, late: str
) -> None:
    """Of a picture that begins after nine seconds there had been none, also in the windows of a recording."""
    source = plain("ts")
    long = ["-stream_loop", "5", "-i", source, "-itsoffset", "9", "-i", source, "-map", first, "-map", late]

    info = probe(make_clip(f"late_by_nine_{first[0]}.ts", *long, "-c", "copy"))

    assert (info.has_video, info.width, info.height, info.frame_rate) == (True, 96, 64, 25)
    assert (info.has_sound, info.sample_rate, info.channels) == (True, 44100, 1)


def test_a_stream_of_several_programs_is_one(
    make_clip: MakeClip, plain: Callable[[str], Path], settings: MediaSettings
) -> None:
    both = ["-program", "title=one:st=0:st=1", "-program", "title=two:st=0:st=1"]
    clip = make_clip("two_programs.ts", "-i", plain("ts"), "-map", "0", "-c", "copy", *both)

    assert (probe(clip).videos, probe(clip).sounds) == (1, 1)
    assert len(decode(clip, settings).report.listing.videos) == 1
