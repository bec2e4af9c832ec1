"""Faces: in every frame that shows one, in no other, and always of the same person."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from affekt.errors import DataError, MediaError
from affekt.media.ahead import Ahead
from affekt.media.decode import decode
from affekt.media.faces import Faces, FaceSearch, crop, find_faces
from affekt.media.frames import Frames
from affekt.media.prepare import prepare_file
from affekt.settings import MediaSettings

Film = Callable[[str, np.ndarray], Path]
MakeClip = Callable[..., Path]
# The box of the astronaut's face in the photograph: left, top, width, height.
ASTRONAUT = np.array([176.0, 58.0, 96.0, 134.0])


def _overlap(first: np.ndarray, second: np.ndarray) -> float:
    low, high = np.maximum(first[:2], second[:2]), np.minimum(first[:2] + first[2:], second[:2] + second[2:])
    both = np.prod(np.clip(high - low, 0, None))
    return float(both / (np.prod(first[2:]) + np.prod(second[2:]) - both))


def _centre(box: np.ndarray) -> np.ndarray:
    return np.asarray(box[..., :2] + box[..., 2:] / 2)


def _scene(
    picture: np.ndarray, scale: float, left: float, top: float, size: tuple[int, int] = (320, 240)
) -> np.ndarray:
    """The photograph, scaled, at a place of a grey frame."""
    matrix = np.array([[scale, 0, left], [0, scale, top]])
    return cv2.warpAffine(picture, matrix, size, flags=cv2.INTER_AREA, borderValue=(120, 120, 120))


def _faces(clip: Path, settings: MediaSettings) -> tuple[Faces, Frames]:
    frames = decode(clip, settings).frames
    return find_faces(frames, settings), frames


def _yunet(shared_data: Path, frames: Frames, number: int) -> np.ndarray:
    network = cv2.FaceDetectorYN.create(
        str(shared_data / "models" / "yunet_n_640_640.onnx"), "", (frames.width, frames.height), 0.7
    )
    rows = network.detect(np.ascontiguousarray(frames.rgb(number)[:, :, ::-1]))[1]
    return np.empty((0, 4)) if rows is None else rows[:, :4]


@pytest.mark.parametrize("speaker", ["01", "02", "03", "05", "06", "07", "10"])
def test_a_speaking_person_has_a_face_in_every_frame_where_yunet_sees_it(
    shared_data: Path, settings: MediaSettings, speaker: str
) -> None:
    faces, frames = _faces(shared_data / "java_sed_av" / "clips" / f"{speaker}-02-04_01.mp4", settings)

    black = faces.details.get("black_frames", 0)
    assert faces.present.sum() >= 0.99 * (len(frames) - black)
    assert "no_face" not in faces.flags
    agreement = []
    for number in range(int(np.argmax(faces.present)), len(frames), 9):
        truth = _yunet(shared_data, frames, number)
        box = faces.boxes[number] * frames.width / frames.source_width
        agreement.append(max(_overlap(box, other) for other in truth))
    assert np.median(agreement) >= 0.8  # over all speakers the median is 0.88; single speakers differ in shape
    assert np.min(agreement) >= 0.6


def test_both_back_ends_give_one_kind_of_box(shared_data: Path, settings: MediaSettings) -> None:
    yunet = replace(settings, detector="yunet", detector_model=str(shared_data / "models" / "yunet_n_640_640.onnx"))
    frames = decode(shared_data / "edge_media" / "single_face.mp4", settings).frames

    first, second = find_faces(frames, settings), find_faces(frames, yunet)

    assert first.present.all() and second.present.all()
    assert np.median([_overlap(*pair) for pair in zip(first.boxes, second.boxes, strict=True)]) > 0.85


@pytest.mark.parametrize("kind", ["one shot", "a cut", "black at first"])
def test_faces_that_are_searched_while_a_clip_is_decoded_are_those_of_a_search_afterwards(
    film: Film, astronaut: np.ndarray, settings: MediaSettings, kind: str
) -> None:
    pictures = np.stack([_scene(astronaut, 0.5, 20 + 2 * number, 20) for number in range(23)])
    if kind == "a cut":
        pictures[14:] = np.stack([_scene(astronaut, 0.6, -60, 10)] * 9) // 2
    elif kind == "black at first":
        pictures[:3] = 0
    with Ahead(settings, lambda: None) as ahead:
        frames = decode(film(kind, pictures), settings, arrived=ahead.arrived).frames
        assert ahead.search_of(decode(film(kind, pictures), settings).frames) is None
        begun = ahead.search_of(frames)
    by_parts = FaceSearch(frames, settings)
    for count in (1, 8, 20, 23):
        by_parts.go_on(count)

    plain = find_faces(frames, settings)

    assert by_parts.shots.first(23) == {"one shot": 20, "a cut": 14, "black at first": 0}[kind]
    assert plain.present.sum() > 10
    for search in (begun, by_parts):
        assert search is not None
        faces = find_faces(frames, settings, begun=search)
        np.testing.assert_array_equal(faces.boxes, plain.boxes)
        np.testing.assert_array_equal(faces.crops, plain.crops)
        assert (faces.flags, faces.details) == (plain.flags, plain.details)


def test_absent_weights_are_named(settings: MediaSettings, film: Film, astronaut: np.ndarray) -> None:
    clip = film("one", np.stack([_scene(astronaut, 0.5, 20, 20)] * 2))

    with pytest.raises(DataError, match=r"YuNet.*media\.detector=haar"):
        _faces(clip, replace(settings, detector="yunet", detector_model="absent.onnx"))


@pytest.mark.parametrize(
    ("name", "first", "last"), [("face_noface.mov", 0, 71), ("noface_face.mov", 96, 167), ("no_face.mp4", None, None)]
)
def test_a_face_is_present_exactly_while_it_is_there(
    shared_data: Path, settings: MediaSettings, name: str, first: int | None, last: int | None
) -> None:
    faces, _ = _faces(shared_data / "edge_media" / name, settings)

    shown = np.flatnonzero(faces.present)
    assert (shown[0], shown[-1]) == (first, last) if first is not None else not shown.size
    assert first is None or faces.present[first:last].all()
    assert ("no_face" in faces.flags) == (first is None)


@pytest.mark.parametrize(
    "picture",
    ["crop=360:100:0:170,scale=640:-2", "crop=150:270:0:0,scale=-2:480", "drawbox=90:30:180:160:gray:fill"],
)
def test_patterned_cloth_and_hidden_faces_are_no_faces(
    shared_data: Path, make_clip: MakeClip, settings: MediaSettings, picture: str
) -> None:
    source = shared_data / "java_sed_av" / "clips" / "10-02-03_01.mp4"

    faces, _ = _faces(make_clip(f"no_face_{len(picture)}.mp4", "-i", source, "-vf", picture, "-an"), settings)

    assert not faces.present.any()


@pytest.mark.parametrize("source", ["testsrc2", "mandelbrot", "life=ratio=0.1", "color=gray,noise=alls=90:allf=t"])
def test_generated_pictures_have_no_face(make_clip: MakeClip, settings: MediaSettings, source: str) -> None:
    clip = make_clip(f"{source[:4]}.mp4", "-f", "lavfi", "-i", source, "-t", "1", "-s", "320x240")

    faces, _ = _faces(clip, settings)

    assert not faces.present.any()
    assert np.isnan(faces.boxes).all() and not faces.crops.any()


def test_black_frames_keep_their_places(film: Film, astronaut: np.ndarray, settings: MediaSettings) -> None:
    scene = _scene(astronaut, 0.6, 10, 10)
    black = np.zeros_like(scene)

    faces, _ = _faces(film("black", np.stack([black] * 7 + [scene] * 13 + [black] * 2 + [scene] * 8)), settings)

    expected = np.array([False] * 7 + [True] * 13 + [False] * 2 + [True] * 8)
    assert np.array_equal(faces.present, expected)
    assert faces.details["black_frames"] == 9
    assert not faces.crops[~expected].any()
    assert np.isnan(faces.boxes[~expected]).all()


def test_a_moving_face_is_followed_without_lag_or_trembling(
    film: Film, astronaut: np.ndarray, settings: MediaSettings
) -> None:
    number = np.arange(75)
    left, top = 10 + 40 * np.sin(number / 9), 5 + 10 * np.sin(number / 6)
    clip = film("moving", np.stack([_scene(astronaut, 0.6, x, y) for x, y in zip(left, top, strict=True)]))

    faces, _ = _faces(clip, settings)

    assert faces.present.all()
    error = _centre(faces.boxes) - (_centre(ASTRONAUT) * 0.6 + np.stack([left, top], axis=1))
    error -= np.median(error, axis=0)  # what the box is centred on in the photograph
    assert np.abs(error).max() < 0.1 * 80  # a tenth of the face
    path = _centre(faces.boxes)[:, 0]
    path = path - np.median(path - left)
    shifts = [np.abs(np.roll(path, shift) - left)[5:-5].mean() for shift in (-2, -1, 0, 1, 2)]
    assert np.argmin(shifts) == 2
    assert np.abs(np.diff(faces.boxes[:, 2])).max() < 2  # pixels from frame to frame


def test_crop_t_shows_frame_t(film: Film, astronaut: np.ndarray, settings: MediaSettings) -> None:
    scene = _scene(astronaut, 0.6, 10, 10).astype(np.float64)
    clip = film("brighter", np.stack([(scene * (0.5 + number / 100)).astype(np.uint8) for number in range(50)]))

    faces, _ = _faces(clip, settings)

    levels = faces.crops.reshape(50, -1).mean(axis=1)
    assert faces.present.all()
    assert levels / (0.5 + np.arange(50) / 100) == pytest.approx(levels[25] / 0.75, rel=0.03)


def test_a_face_that_comes_late_and_goes_early_is_dated_to_the_frame(
    film: Film, astronaut: np.ndarray, settings: MediaSettings
) -> None:
    # It slides behind the edge of a grey wall: no cut that would give the moment away.
    scene, wall = _scene(astronaut, 0.6, 60, 10), np.full((240, 320, 3), 120, np.uint8)
    covered = [np.where(np.arange(320)[None, :, None] < edge, wall, scene) for edge in range(320, -1, -20)]

    faces, _ = _faces(film("sliding", np.stack([*covered, *[scene] * 20, *covered[::-1]])), settings)

    shown = np.flatnonzero(faces.present)
    assert faces.present[shown[0] : shown[-1] + 1].all()
    whole = int(np.argmax([edge <= 60 + 176 * 0.6 for edge in range(320, -1, -20)]))
    assert abs(shown[0] - whole) <= 2
    assert abs(shown[-1] - (len(faces.present) - 1 - whole)) <= 2


def test_a_box_never_glides_across_a_cut(film: Film, astronaut: np.ndarray, settings: MediaSettings) -> None:
    dark = (astronaut * 0.5).astype(np.uint8)
    before, after = _scene(astronaut, 0.6, -60, 10), _scene(dark, 0.6, 120, 60)
    after[after == 60] = 20

    faces, _ = _faces(film("cut", np.stack([before] * 17 + [after] * 21)), settings)

    lefts = faces.boxes[faces.present, 0]
    assert faces.present[:17].all() or faces.present[17:].all()
    middle = (np.nanmin(lefts) + np.nanmax(lefts)) / 2
    assert (np.abs(lefts - middle) > 40).all() or np.ptp(lefts) < 10


def test_of_two_people_the_large_one_in_the_middle_is_followed(
    film: Film, astronaut: np.ndarray, settings: MediaSettings
) -> None:
    def frame(number: int) -> np.ndarray:
        picture = _scene(astronaut, 0.6, 60, 10, (480, 240))
        small = cv2.resize(astronaut[20:220, 120:330], (90, 86), interpolation=cv2.INTER_AREA)
        picture[100:186, 380 - number : 470 - number] = small[:, ::-1]
        return picture

    faces, _ = _faces(film("two", np.stack([frame(number) for number in range(40)])), settings)

    assert faces.present.all()
    assert np.ptp(_centre(faces.boxes)[:, 0]) < 6
    assert "several_faces" in faces.flags and faces.details["other_faces"] == 1


def test_who_leaves_is_not_replaced_by_somebody_else(
    shared_data: Path, make_clip: MakeClip, settings: MediaSettings
) -> None:
    clips = [shared_data / "java_sed_av" / "clips" / f"{name}.mp4" for name in ("01-01-01_01", "10-01-01_01")]
    joining = "[0:v]trim=end=2.4,setpts=PTS-STARTPTS[a];[1:v]trim=end=1.2,setpts=PTS-STARTPTS[b];[a][b]concat"
    clip = make_clip("changed.mp4", "-i", clips[0], "-i", clips[1], "-filter_complex", joining, "-an")

    faces, frames = _faces(clip, settings)

    cut = 72
    assert len(frames) == pytest.approx(108, abs=2)
    assert faces.present[:cut].all() and not faces.present[cut + 1 :].any()
    assert "several_faces" in faces.flags


def test_a_crop_beyond_the_border_repeats_it_and_keeps_colours(film: Film, settings: MediaSettings) -> None:
    picture = np.zeros((1, 64, 64, 3), np.uint8)
    picture[:, :, :32], picture[:, :, 32:] = (200, 30, 40), (20, 60, 180)
    frames = decode(film("halves", picture), settings).frames

    for size in (16, 128):  # shrunk and enlarged
        result = crop(frames, 0, (32, 32), 96, size).astype(int)
        assert np.abs(result[:, : size * 3 // 8] - [200, 30, 40]).max() < 12
        assert np.abs(result[:, size * 5 // 8 :] - [20, 60, 180]).max() < 12


def test_a_crop_is_where_its_box_says(film: Film, settings: MediaSettings) -> None:
    ramp = np.tile(np.linspace(0, 255, 256).astype(np.uint8)[None, :, None], (1, 128, 1, 3)).reshape(1, 128, 256, 3)
    frames = decode(film("ramp", ramp), settings).frames

    for side, size in ((100.0, 50), (40.0, 80)):
        columns = crop(frames, 0, (130.0, 64.0), side, size).mean(axis=(0, 2))
        assert columns[0] == pytest.approx(130 - side / 2, abs=3)
        assert columns[-1] == pytest.approx(130 + side / 2, abs=3)


def test_a_face_fills_its_crop_as_it_fills_a_picture_of_fer2013(shared_data: Path, settings: MediaSettings) -> None:
    network = cv2.FaceDetectorYN.create(str(shared_data / "models" / "yunet_n_640_640.onnx"), "", (320, 320), 0.5)

    def share(picture: np.ndarray) -> float:
        """The face's share of a picture's side, by the area of YuNet's box; NaN where it sees none."""
        large = cv2.resize(picture, (192, 192), interpolation=cv2.INTER_LINEAR)
        rows = network.detect(cv2.copyMakeBorder(large, 64, 64, 64, 64, cv2.BORDER_REPLICATE))[1]
        return np.nan if rows is None else float(max(np.sqrt(row[2] * row[3]) for row in rows) / 192)

    clips = sorted((shared_data / "java_sed_av" / "clips").glob("*-01-0[136]_01.mp4"))[:12]
    crops = []
    for clip in clips:
        faces, _ = _faces(clip, settings)
        crops.append(faces.crops[np.flatnonzero(faces.present)[30]][:, :, ::-1])
    images = sorted((shared_data / "fer2013" / "val").glob("*/*.jpg"))[::4]

    of_clips = np.nanmedian([share(np.ascontiguousarray(picture)) for picture in crops])
    of_images = np.nanmedian([share(cv2.imread(str(image))) for image in images])

    assert of_clips == pytest.approx(of_images, rel=0.08)


def test_the_longer_side_of_the_box_frames_from_further_away(
    film: Film, astronaut: np.ndarray, settings: MediaSettings
) -> None:
    clip = film("portrait", np.repeat(_scene(astronaut, 0.9, -60, 0)[None], 3, axis=0))
    near, _ = _faces(clip, settings)
    far, frames = _faces(clip, replace(settings, face_side="longer"))

    _, _, width, height = near.boxes[1]
    side = max(width, height) * (1 + 2 * settings.face_margin)
    left, top = near.boxes[1][:2]
    expected = crop(frames, 1, (left + width / 2, top + height / 2), side, settings.face_size)
    assert np.abs(far.crops[1].astype(int) - expected).max() <= 1
    assert np.abs(far.crops[1].astype(int) - near.crops[1]).mean() > 3


def two_people(astronaut: np.ndarray) -> np.ndarray:
    """A larger face on the right of a smaller one, in twelve frames, uint8 ``[12, 360, 640, 3]``."""
    head = astronaut[20:280, 120:340]
    picture = np.full((360, 640, 3), 96, np.uint8)
    picture[60:320, 380:600] = head
    small = cv2.resize(head, (150, 177), interpolation=cv2.INTER_AREA)
    picture[100:277, 60:210] = small
    return np.repeat(picture[None], 12, axis=0)


@pytest.mark.parametrize(
    ("who", "right"), [("left", False), ("right", True), ("largest", True), ("1", False), ("2", True)]
)
def test_the_person_who_is_asked_for_is_analysed(astronaut, film, settings, who, right):
    clip = prepare_file(film("small and large", two_people(astronaut)), settings, who)
    assert clip.details["people"] == 2
    assert (float(np.nanmedian(clip.boxes[:, 0])) > 320) == right


def test_a_person_who_is_not_there_is_refused_with_how_many_there_are(astronaut, film, settings):
    with pytest.raises(MediaError, match="shows 2 people, and number 3 was asked for"):
        prepare_file(film("small and large", two_people(astronaut)), settings, "3")


@pytest.mark.parametrize("who", ["0", "-1", "tallest", "", "²"])
def test_what_names_nobody_is_refused(film, settings, who):
    with pytest.raises(MediaError, match="expected prominent, left, right, largest, longest, or a number"):
        prepare_file("any.mp4", settings, who)


def test_a_face_that_swings_between_two_detections_is_followed(
    settings: MediaSettings, film: Film, astronaut: np.ndarray
) -> None:
    shift = 18 * np.sin(2 * np.pi * np.arange(61) / 20)  # the same place at each detection, another half-way
    scenes = [_scene(astronaut, 0.5, 40 + right, 20) for right in shift]

    faces, _ = _faces(film("swings", np.stack(scenes)), replace(settings, detect_every=10))

    assert faces.present.all()
    swing = _centre(faces.boxes)[5:60:10, 0] - _centre(faces.boxes)[[0, 20, 40], 0].mean()
    assert np.sign(swing).tolist() == [1, -1] * 3
    assert np.abs(swing).min() > 2  # of 18, which the smoothing of so quick a movement leaves
