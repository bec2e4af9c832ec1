"""The sample clips: what is written, and that it is fit for a demo of the whole platform."""

from __future__ import annotations

import csv
import subprocess
from pathlib import Path
from types import SimpleNamespace

import cv2
import imageio_ffmpeg
import numpy as np
import pytest

from affekt.dataset import LABELS
from affekt.errors import DataError
from affekt.samples.subjects import make_subject
from affekt.samples.write import plan_clips, write_sample_faces, write_samples

FFMPEG = imageio_ffmpeg.get_ffmpeg_exe()


def manifest(folder: Path) -> list[dict[str, str]]:
    with (folder / "manifest.csv").open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def grey_frames(clip: Path) -> np.ndarray:
    command = [FFMPEG, "-v", "error", "-i", str(clip), "-f", "rawvideo", "-pix_fmt", "gray", "-"]
    raw = subprocess.run(command, capture_output=True, check=True).stdout
    return np.frombuffer(raw, np.uint8).reshape(-1, 240, 320)


def sound(clip: Path, rate: int = 16000) -> np.ndarray:
    command = [FFMPEG, "-v", "error", "-i", str(clip), "-vn", "-ac", "1", "-ar", str(rate), "-f", "f32le", "-"]
    return np.frombuffer(subprocess.run(command, capture_output=True, check=True).stdout, np.float32)


@pytest.mark.parametrize("clips_per_label", [1, 2, 3, 5, 6, 12, 15, 40])
def test_each_label_gets_its_clips_on_both_sides_and_no_subject_is_on_two(clips_per_label: int) -> None:
    plan = plan_clips(clips_per_label)
    sides = {clip.subject: clip.split for clip in plan}
    assert all(sides[clip.subject] == clip.split for clip in plan)
    assert len({clip.path for clip in plan}) == len(plan)
    for label in LABELS:
        clips = [clip for clip in plan if clip.label == label]
        assert len(clips) == clips_per_label
        assert {clip.split for clip in clips} == ({"train"} if clips_per_label == 1 else {"train", "val"})
        takes = [sum(clip.subject == subject for clip in clips) for subject in sides]
        assert max(takes) - min(takes) <= 1


def test_six_clips_a_label_are_six_subjects_of_whom_two_are_val() -> None:
    plan = plan_clips(6)
    assert {clip.subject for clip in plan if clip.split == "train"} == {0, 1, 2, 3}
    assert {clip.subject for clip in plan if clip.split == "val"} == {4, 5}


def test_the_manifest_names_every_clip(sample_clips: Path) -> None:
    rows = manifest(sample_clips)
    assert [row["path"] for row in rows] == [clip.path for clip in plan_clips(len(rows) // len(LABELS))]
    assert {row["path"] for row in rows} == {f"clips/{path.name}" for path in (sample_clips / "clips").iterdir()}
    assert {row["split"] for row in rows} == {"train", "val"}
    assert all(f"-{row['label']}-" in row["path"] for row in rows)


def test_clips_are_small_h264_with_an_aac_track(sample_clips: Path) -> None:
    for clip in sorted((sample_clips / "clips").iterdir()):
        told = subprocess.run([FFMPEG, "-hide_banner", "-i", str(clip)], capture_output=True, text=True).stderr
        assert "Video: h264" in told and "320x240" in told and "25 fps" in told and "Audio: aac" in told
        assert clip.stat().st_size < 100_000


def test_a_haar_detector_finds_the_face(sample_clips: Path) -> None:
    detector = cv2.CascadeClassifier(cv2.data.haarcascades + "haarcascade_frontalface_alt2.xml")
    sizes = []
    for clip in sorted((sample_clips / "clips").iterdir()):
        for frame in grey_frames(clip)[::12]:
            boxes = detector.detectMultiScale(frame, 1.1, 3, minSize=(60, 60))
            sizes.append(max((box[3] for box in boxes), default=0))
    assert np.mean(np.array(sizes) > 0) >= 0.98
    assert 80 <= np.median(sizes) <= 170


def test_picture_and_sound_are_of_one_length_and_neither_still_nor_silent_nor_clipped(sample_clips: Path) -> None:
    for clip in sorted((sample_clips / "clips").iterdir()):
        frames, samples = grey_frames(clip), sound(clip)
        assert 40 <= len(frames) <= 60
        assert abs(len(frames) / 25 - len(samples) / 16000) < 0.15
        assert np.abs(frames[1:].astype(int) - frames[:-1]).mean() > 0.2
        assert 0.005 < np.sqrt(np.mean(samples**2)) < 0.3
        assert np.abs(samples).max() < 0.99


def test_the_same_seed_gives_the_same_bytes_and_another_seed_others(sample_clips: Path, tmp_path: Path) -> None:
    again = write_samples(tmp_path, clips_per_label=1, seed=1, progress=False)
    first = [(again / row["path"]).read_bytes() for row in manifest(again)]
    assert first == [(sample_clips / row["path"]).read_bytes() for row in manifest(again)]
    assert make_subject(0, 1) != make_subject(0, 2)


@pytest.mark.parametrize("shown", [True, False])
def test_what_was_written_is_told_to_those_who_asked_for_clips_alone(shown, tmp_path, monkeypatch, caplog) -> None:
    for slow in ("film", "_encode"):
        monkeypatch.setattr(f"affekt.samples.write.{slow}", lambda *_: None)
    monkeypatch.setattr("affekt.samples.write.speak", lambda *_: SimpleNamespace(mouth=None, sound=None))
    with caplog.at_level("INFO"):
        write_samples(tmp_path, clips_per_label=1, progress=shown)
    told = [text for text in caplog.messages if not text.startswith("writing")]  # how far it is, where that takes time
    assert told == ([f"wrote 7 sample clips to {tmp_path}"] if shown else [])


def test_a_folder_with_other_files_is_refused(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("mine")
    with pytest.raises(DataError, match=r"thesis\.txt") as caught:
        write_samples(tmp_path, clips_per_label=1, progress=False)
    assert caught.value.code == "not_empty"
    with pytest.raises(DataError):
        write_sample_faces(tmp_path, per_label=1)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]


@pytest.mark.parametrize(("clips", "seed"), [(0, 0), (1, -1)])
def test_arguments_out_of_range_are_refused(clips: int, seed: int, tmp_path: Path) -> None:
    with pytest.raises(DataError):
        write_samples(tmp_path / "new", clips_per_label=clips, seed=seed, progress=False)
    with pytest.raises(DataError):
        write_sample_faces(tmp_path / "new", per_label=clips, seed=seed)
    assert not (tmp_path / "new").exists()


def test_face_images_lie_in_class_folders_and_show_faces(tmp_path: Path) -> None:
    folder = write_sample_faces(tmp_path, per_label=5)
    paths = sorted(folder.rglob("*.png"))
    assert len(paths) == 5 * len(LABELS)
    assert {path.parent.name for path in folder.glob("train/*/*.png")} == set(LABELS)
    assert len(list(folder.glob("val/*/*.png"))) == len(LABELS)
    detector = cv2.CascadeClassifier(cv2.data.haarcascades + "haarcascade_frontalface_alt2.xml")
    images = [cv2.imread(str(path), cv2.IMREAD_UNCHANGED) for path in paths]
    assert {image.shape for image in images} == {(96, 96)}
    assert np.mean([len(detector.detectMultiScale(image, 1.05, 2)) > 0 for image in images]) > 0.9


def test_fewer_faces_in_the_same_folder_replace_more(tmp_path: Path) -> None:
    write_sample_faces(tmp_path, per_label=3)
    write_sample_faces(tmp_path, per_label=2)
    assert len(list(tmp_path.rglob("*.png"))) == 2 * len(LABELS)
