"""Preparing a table of clips: one bad clip is one row in the list of the skipped, and nothing is done twice."""

from __future__ import annotations

import contextlib
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import psutil
import pytest

from affekt import processes
from affekt.dataset import Clip, ClipTable, table_of
from affekt.dataset.faces import FaceImage
from affekt.errors import DataError, MediaError, SettingsError
from affekt.media import PreparedIndex, check_skipped, prepare_faces, prepare_file
from affekt.settings import MediaSettings
from affekt.store.entries import Store
from affekt.store.preparing import prepare_clips
from affekt.store.workers import Task, run_task
from tests.media.conftest import voiced
from tests.store.same_clip import same_clip

MakeClip = Callable[..., Path]
Film = Callable[[str, np.ndarray], Path]


@pytest.fixture(scope="session")
def table(speaking: list[Path], make_clip: MakeClip, tmp_path_factory: pytest.TempPathFactory) -> ClipTable:
    """Good, bad, partial and doubled clips, in no order of goodness."""
    folder = tmp_path_factory.mktemp("bad")
    (folder / "garbage.mp4").write_bytes(b"hello")
    voice = make_clip("voice.wav", *voiced(1.5))
    nothing = make_clip("nothing.mp4", "-f", "lavfi", "-i", "color=gray:s=64x64:d=0.4")
    mute = make_clip("mute_face.mp4", "-i", speaking[0], "-an", "-c", "copy")
    paths = [folder / "garbage.mp4", speaking[1], nothing, speaking[0], voice, folder / "absent.mp4", speaking[0], mute]
    names = ["garbage", "first", "nothing", "second", "voice", "absent", "again", "mute"]
    return table_of(
        [
            Clip(name, str(path), "happy", f"subject {name}", "train", attributes={"take": "1"})
            for name, path in zip(names, paths, strict=True)
        ]
    )


@pytest.fixture(scope="session")
def prepared(
    table: ClipTable, settings: MediaSettings, tmp_path_factory: pytest.TempPathFactory
) -> tuple[PreparedIndex, Store]:
    store = Store(tmp_path_factory.mktemp("store"), settings)
    return prepare_clips(table, store, workers=1, progress=False), store


def test_a_file_becomes_faces_sound_and_functionals(speaking: list[Path], settings: MediaSettings) -> None:
    clip = prepare_file(speaking[0], settings)

    assert clip.faces.shape == (12, 64, 64, 3) and clip.faces.dtype == np.uint8
    assert clip.present.all() and clip.voice
    assert clip.boxes.shape == (12, 4) and clip.times == pytest.approx(np.arange(12) / 25, abs=1e-3)
    assert np.array_equal(clip.face_frames, np.arange(12))
    assert clip.details["width"] == clip.details["height"] == 256


def test_neither_face_nor_voice_is_an_error(table: ClipTable, settings: MediaSettings) -> None:
    with pytest.raises(MediaError) as caught:
        prepare_file(table.clips[2].uri, settings)

    assert caught.value.code == "nothing_usable"
    assert "no face in any frame" in caught.value.message and "no sound" in caught.value.message


def test_the_index_follows_the_table_and_the_rest_is_skipped_with_reasons(
    prepared: tuple[PreparedIndex, Store],
) -> None:
    index, store = prepared

    assert [row.clip for row in index] == ["first", "second", "voice", "again", "mute"]
    assert {item.clip: item.code for item in index.skipped} == {
        "garbage": "unreadable",
        "nothing": "nothing_usable",
        "voice": "no_video",
        "absent": "missing_file",
        "mute": "no_sound",
    }
    row = index.rows[0]
    assert (row.label, row.subject, row.split, row.attributes) == ("happy", "subject first", "train", {"take": "1"})
    assert (row.frames, row.frames_with_face, row.voice) == (12, 12, True)
    assert all(store.check(row.key) for row in index)


def test_one_content_is_decoded_once_and_a_second_run_decodes_nothing(
    prepared: tuple[PreparedIndex, Store], table: ClipTable
) -> None:
    index, store = prepared

    assert index.decoded == 6  # of eight: one is there twice, one is absent
    assert prepare_clips(table, store, workers=1, progress=False).decoded == 0


def test_no_process_is_started_for_what_is_prepared_already(
    table: ClipTable,
    prepared: tuple[PreparedIndex, Store],
    settings: MediaSettings,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    index, store = prepared
    there = ClipTable(tuple(clip for clip in table if clip.id != "absent"))
    again = Store(store.root, settings)
    with monkeypatch.context() as none:
        none.setattr(processes, "run", lambda *_, **__: pytest.fail("a process is started"))
        found = prepare_clips(there, again, workers=2, progress=False)
    assert (found.rows, found.decoded) == (index.rows, 0)

    half = Store(tmp_path, settings)
    prepare_clips(ClipTable(tuple(there)[:3]), half, workers=1, progress=False)
    rest = prepare_clips(there, half, workers=2, progress=False)
    assert rest.rows == index.rows and rest.decoded == len({row.key for row in rest.rows[1:]})


def test_a_file_that_cannot_be_decoded_is_tried_once(tmp_path: Path, settings: MediaSettings) -> None:
    garbage = tmp_path / "garbage.mp4"
    garbage.write_bytes(bytes(range(256)) * 40)
    table, store = table_of([Clip("garbage", str(garbage), "happy")]), Store(tmp_path / "store", settings)
    first, second = (prepare_clips(table, store, workers=1, progress=False) for _ in range(2))
    assert (first.decoded, second.decoded) == (1, 0)
    assert first.skipped == second.skipped and first.skipped[0].code == "unreadable"


def test_a_file_that_a_limit_refused_is_tried_again(
    tmp_path: Path, speaking: list[Path], settings: MediaSettings
) -> None:
    table = table_of([Clip("long", str(speaking[0]), "happy")])
    strict = replace(settings, max_seconds=0.1)
    assert prepare_clips(table, Store(tmp_path, strict), workers=1, progress=False).skipped[0].code == "too_long"
    assert len(prepare_clips(table, Store(tmp_path, settings), workers=1, progress=False)) == 1


def test_an_unknown_feature_set_is_refused_before_any_clip(tmp_path: Path, settings: MediaSettings) -> None:
    store = Store(tmp_path, replace(settings, functionals="compare"))
    with pytest.raises(SettingsError, match=r"no feature set 'compare'; there (is|are) egemaps"):
        prepare_clips(table_of([Clip("absent", str(tmp_path / "absent.mp4"), "happy")]), store, progress=False)


def test_any_number_of_workers_and_shards_gives_the_same_bytes(
    prepared: tuple[PreparedIndex, Store], table: ClipTable, settings: MediaSettings, tmp_path: Path
) -> None:
    index, store = prepared
    pooled = Store(tmp_path / "pooled", settings)
    shards = ((0, 2), (1, 1))  # number of the shard, workers
    parts = [prepare_clips(table.shard(number, 2), pooled, workers=count, progress=False) for number, count in shards]

    assert PreparedIndex.merge(parts, [clip.id for clip in table]) == index
    assert all(same_clip(store.get(key), pooled.get(key)) for key in {row.key for row in index})


def test_a_file_and_its_place_in_the_store_are_equal_in_every_bit(
    speaking: list[Path], settings: MediaSettings, tmp_path: Path
) -> None:
    store, clips = Store(tmp_path, settings), table_of([Clip(path.name, str(path)) for path in speaking])
    index = prepare_clips(clips, store, workers=1, progress=False)

    assert settings.picture_quality > 0
    for row, path in zip(index, speaking, strict=True):
        assert same_clip(store.get(row.key), prepare_file(path, settings))


def test_a_damaged_shard_is_made_again(speaking: list[Path], settings: MediaSettings, tmp_path: Path) -> None:
    store, clips = Store(tmp_path, settings), table_of([Clip("a", str(speaking[0]))])
    key = prepare_clips(clips, store, workers=1, progress=False).rows[0].key
    (shard,) = (store.folder / "shards").iterdir()
    shard.write_bytes(shard.read_bytes()[:-1] + b"\x01")

    assert prepare_clips(clips, Store(tmp_path, settings), workers=1, progress=False).decoded == 1
    assert Store(tmp_path, settings).check(key)


def test_a_preparation_that_was_killed_goes_on(speaking: list[Path], settings: MediaSettings, tmp_path: Path) -> None:
    store = Store(tmp_path, settings)
    assert run_task(Task("a", str(speaking[0])), store).decoded  # and nothing packs it
    clips = table_of([Clip(path.name, str(path)) for path in speaking])

    assert prepare_clips(clips, Store(tmp_path, settings), workers=1, progress=False).decoded == 2
    assert [path.name.partition("-")[0] for path in (store.folder / "shards").iterdir()] == ["3"]


@pytest.mark.parametrize("deaths", [1, 2])
def test_a_worker_that_dies_twice_of_a_clip_is_one_failed_clip(
    deaths: int, speaking: list[Path], make_clip: MakeClip, settings: MediaSettings, tmp_path: Path
) -> None:
    slow = make_clip("slow.mp4", "-f", "lavfi", "-i", "testsrc2=s=640x480:r=25:d=15", "-preset", "ultrafast")
    clips = table_of([Clip("slow", str(slow)), *(Clip(path.name, str(path)) for path in speaking)])
    store = Store(tmp_path, settings)

    def kill_the_one_that_decodes() -> None:
        killed: set[int] = set()
        while len(killed) < deaths:
            for worker in psutil.Process().children():
                with contextlib.suppress(psutil.Error):
                    readers = [worker, *worker.children()]
                    if any(str(slow) in (file.path for file in reader.open_files()) for reader in readers):
                        worker.kill()
                        killed.add(worker.pid)
            time.sleep(0.005)

    before = set(psutil.Process().children())  # other tests may have left a process of Python's own
    killer = threading.Thread(target=kill_the_one_that_decodes, daemon=True)
    killer.start()
    index = prepare_clips(clips, store, workers=2, progress=False)

    # The second time it is looked at: it shows no face.
    (skipped,) = index.skipped
    assert (skipped.clip, skipped.code) == ("slow", "crashed" if deaths == 2 else "nothing_usable")
    assert ("signal 9" in skipped.reason) == (deaths == 2)
    assert [row.clip for row in index] == [path.name for path in speaking]
    left = set(psutil.Process().children()) - before
    assert not [child for child in left if child.status() != psutil.STATUS_ZOMBIE]


def test_workers_never_import_torch() -> None:
    code = "import sys, affekt.store.workers, affekt.media.prepare, affekt.media.decode, affekt.media.faces;"
    answer = subprocess.run(
        [sys.executable, "-c", code + "print('torch' in sys.modules)"], capture_output=True, text=True, check=True
    )

    assert answer.stdout.strip() == "False"


def test_too_many_unusable_clips_stop_a_run(prepared: tuple[PreparedIndex, Store], settings: MediaSettings) -> None:
    index, _ = prepared  # three of eight cannot be used

    check_skipped(index, replace(settings, max_skipped=0.4))
    with pytest.raises(DataError, match=r"3 of 8 clips.*allows 20%") as caught:
        check_skipped(index, settings)

    assert caught.value.code == "too_many_skipped"
    assert "garbage" in str(caught.value)


def test_a_run_without_a_usable_clip_is_an_error_whatever_the_limit(settings: MediaSettings, tmp_path: Path) -> None:
    clips = table_of([Clip("a", str(tmp_path / "absent.mp4"))])
    index = prepare_clips(clips, Store(tmp_path, settings), workers=1, progress=False)

    with pytest.raises(DataError):
        check_skipped(index, replace(settings, max_skipped=1.0))


def test_still_faces_are_scaled_and_unreadable_ones_left_out(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    small, large = np.full((48, 48, 3), 50, np.uint8), np.full((300, 200, 3), 200, np.uint8)
    images = [
        FaceImage("a", "a", "sad", "train", pixels=small[:, :, 0]),
        FaceImage("b", str(tmp_path / "absent.png"), "happy", "val"),
        FaceImage("c", "c", "happy", "val", pixels=large[:, :, 0]),
    ]

    faces = prepare_faces(images, 96)

    assert faces.images.shape == (2, 96, 96, 3)
    assert (faces.labels, faces.splits) == (("sad", "happy"), ("train", "val"))
    assert (faces.images[0] == 50).all() and (faces.images[1] == 200).all()
    assert "b: left out" in caplog.text


def test_pictures_that_are_no_cut_out_faces_are_told(caplog: pytest.LogCaptureFixture) -> None:
    def image(name: str, height: int, width: int, contrast: int) -> FaceImage:
        pixels = np.linspace(100, 100 + contrast, height * width).reshape(height, width).astype(np.uint8)
        return FaceImage(name, name, "sad" if name == "portrait" else "happy", "train", pixels=pixels)

    usual = [image("crop", 48, 48, 90), image("portrait", 60, 48, 90)]
    assert len(prepare_faces(usual, 48).labels) == 2
    assert not caplog.text
    scenes = [image("film", 72, 128, 90), image("tall", 97, 48, 90)]
    assert len(prepare_faces([*usual, *scenes, image("flat", 48, 48, 1)], 48).labels) == 5
    assert "2 of 5 face images squeezed into a square, whole" in caplog.text and ": film, tall" in caplog.text
    assert "1 of 5 face images of one colour" in caplog.text and ": flat" in caplog.text
    assert "tell nothing apart" not in caplog.text
    prepare_faces(scenes, 48)
    assert "all 2 face images are happy, so that they tell nothing apart" in caplog.text
