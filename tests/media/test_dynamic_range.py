"""Pictures of high dynamic range are seen as others are, and sound beyond full scale is heard as other sound is."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from affekt.media import pyav
from affekt.media.decode import decode
from affekt.media.listing import Light, read_listing
from affekt.media.windows import windows_of
from affekt.settings import MediaSettings
from tests.media.conftest import voiced

MakeClip = Callable[..., Path]
#: Left and right half of the picture, and what lies between them and what is decoded at most.
SKIN, COAT, FAR = (0xC8, 0x96, 0x78), (0x20, 0x38, 0x50), 16
TAGS = ["-color_primaries", "bt2020", "-colorspace", "bt2020nc", "-color_range", "tv"]
HEVC = ["-c:v", "libx265", "-preset", "ultrafast", "-tag:v", "hvc1", "-x265-params", "log-level=0"]


def high_range(transfer: str, seconds: float = 0.5) -> list[str]:
    """ffmpeg's arguments for a picture of two colours whose white lies at 203 candela a square metre."""
    left, right = (f"0x{bytes(colour).hex()}" for colour in (SKIN, COAT))
    known = "format=gbrp,setparams=color_trc=bt709:color_primaries=bt709:colorspace=gbr"
    linear = "zscale=t=linear:npl=203,format=gbrpf32le,zscale=p=bt2020"
    wide = f"zscale=t={transfer}:m=2020_ncl:r=tv:npl=203,format=yuv420p10le"
    picture = f"color={right}:s=192x128:r=10:d={seconds},drawbox=w=96:color={left}:t=fill,{known},{linear},{wide}"
    return ["-f", "lavfi", "-i", picture, *TAGS, "-color_trc", transfer]


def is_as_meant(picture: np.ndarray) -> bool:
    """Whether both halves of a picture have their colours."""
    half, rows = picture.shape[1] // 2, slice(picture.shape[0] // 4, picture.shape[0] // 2)
    halves = picture[rows, half // 4 : half // 2], picture[rows, half + half // 4 : half + half // 2]
    return all(
        np.abs(part.astype(int) - colour).max() <= FAR for part, colour in zip(halves, (SKIN, COAT), strict=True)
    )


@pytest.mark.parametrize(
    ("name", "transfer", "coded"),
    [
        ("pq.mp4", "smpte2084", [*HEVC, "-pix_fmt", "yuv420p10le"]),
        ("hlg.mov", "arib-std-b67", [*HEVC, "-pix_fmt", "yuv420p10le"]),
        ("eight_bits.mp4", "arib-std-b67", ["-c:v", "libx264", "-qp", "4", "-pix_fmt", "yuv420p"]),
        ("matroska.mkv", "smpte2084", ["-c:v", "ffv1"]),
    ],
)
def test_high_dynamic_range_has_the_colours_of_the_scene(
    make_clip: MakeClip, settings: MediaSettings, name: str, transfer: str, coded: list[str]
) -> None:
    decoded = decode(make_clip(f"range_{name}", *high_range(transfer), *coded), settings)

    assert len(decoded.frames) == 5
    assert decoded.report.listing.videos[0].light == Light("bt2020nc", "bt2020", transfer)
    assert is_as_meant(decoded.frames.rgb(2))


def test_windows_of_high_dynamic_range_are_seen_so_too(make_clip: MakeClip, settings: MediaSettings) -> None:
    long = make_clip("long_range.mkv", *high_range("smpte2084", 2.0), "-c:v", "ffv1")

    seen = [is_as_meant(decode(window.file, settings).frames.rgb(0)) for window in windows_of(long, 1.0, settings)]

    assert seen == [True, True]


def test_it_is_left_to_ffmpeg_where_others_are_decoded_in_this_process(
    make_clip: MakeClip, settings: MediaSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    clip = make_clip("range_left.mp4", *high_range("smpte2084"), *HEVC, "-pix_fmt", "yuv420p10le")
    monkeypatch.setattr(pyav, "_allowed", False)
    pyav.allow()

    assert pyav.run_pyav(clip, settings, time.monotonic() + 60) is None
    assert is_as_meant(decode(clip, settings).frames.rgb(2))


def test_the_listing_tells_high_dynamic_range_alone() -> None:
    line = "Input #0, mov, from 'x':\n  Stream #0:0: Video: hevc, yuv420p10le({}, progressive), 64x64, 25 fps\n"
    kinds = ("tv, bt2020nc/bt2020/smpte2084", "unknown/bt2020/arib-std-b67", "tv, bt709", "bt2020nc/bt2020/bt709")

    lights = [read_listing(line.format(kind)).videos[0].light for kind in kinds]

    assert lights == [Light("bt2020nc", "bt2020", "smpte2084"), Light("unknown", "bt2020", "arib-std-b67"), None, None]


@pytest.mark.parametrize(("scale", "codec"), [(1, "pcm_f32le"), (6, "pcm_f32le"), (32768, "pcm_f64le")])
def test_sound_beyond_full_scale_is_not_cut_off(
    make_clip: MakeClip, settings: MediaSettings, scale: int, codec: str
) -> None:
    plain = decode(make_clip("voice_of_16_bits.wav", *voiced(1.5), "-c:a", "pcm_s16le"), settings).sound.astype(float)
    loud = ["-af", f"aformat=sample_fmts=dbl,volume={scale}:precision=double", "-c:a", codec]

    sound = decode(make_clip(f"voice_times_{scale}.wav", *voiced(1.5), *loud), settings).sound.astype(float)

    assert np.corrcoef(sound, plain)[0, 1] > 0.9999
    assert np.abs(sound).max() == pytest.approx(np.abs(plain).max() if scale == 1 else 32767, abs=2)


def test_numbers_that_are_none_are_silence(make_clip: MakeClip, settings: MediaSettings) -> None:
    whole = make_clip("voice_of_floats.wav", *voiced(1.0), "-c:a", "pcm_f32le", "-bitexact")
    content = bytearray(whole.read_bytes())
    content[-40:-32] = np.array([np.nan, np.inf], "<f4").tobytes()
    (holes := whole.with_name("voice_with_holes.wav")).write_bytes(content)

    kept, before = (decode(clip, settings).sound for clip in (holes, whole))

    assert kept[-10:-8].tolist() == [0, 0]
    assert np.array_equal(kept[:-10], before[:-10])


def test_windows_of_sound_beyond_full_scale_are_not_cut_off(make_clip: MakeClip, settings: MediaSettings) -> None:
    loud = ["-af", "aformat=sample_fmts=dbl,volume=1000:precision=double", "-c:a", "pcm_f32le"]
    clip = make_clip("voice_far_beyond.wav", *voiced(2), *loud)

    sounds = [decode(window.file, settings).sound.astype(int) for window in windows_of(clip, 1.0, settings)]

    assert [float((np.abs(sound) > 32000).mean()) < 0.01 for sound in sounds] == [True, True]
