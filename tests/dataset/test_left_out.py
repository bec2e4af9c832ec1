"""What of a folder is not used is told: other files, links without a file, names that are no text."""

from __future__ import annotations

import logging
import os
import re
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest

from affekt.dataset import load_clips, read_faces, read_source
from affekt.dataset.faces import read_face_source, unit_of
from affekt.dataset.file_names import CLIP_SUFFIXES, IMAGE_SUFFIXES
from affekt.dataset.media_files import MEDIA_SUFFIXES, media_files
from affekt.dataset.same_names import made_of_others
from affekt.errors import DataError

Tree = Callable[[Iterable[str]], str]
LABELLED = ["happy/1.mp4", "sad/1.mp4"]


def warnings_of(folder: str) -> dict[str, str]:
    return {problem.code: problem.message for problem in read_source(folder).problems if problem.severity == "warning"}


def test_files_of_other_kinds_are_counted_by_their_suffixes(tree: Tree) -> None:
    folder = tree([*LABELLED, "happy/2.xyz", "happy/3.XYZ", "sad/4.txt", "README", "sad/5.png"])
    (message,) = warnings_of(folder).values()
    assert message.startswith("left out: 2 .xyz, 1 without a suffix, 1 .txt, 1 .png, which are not read here: README, ")


def test_hidden_media_are_told_and_folders_of_systems_are_not(tree: Tree) -> None:
    system = ["@eaDir", "$RECYCLE.BIN", "__MACOSX", "System Volume Information", "lost+found", "@EADIR"]
    kept = [f"{folder}/sad/1.mp4" for folder in system] + ["sad/Thumbs.db", "sad/._1.mp4", ".DS_Store"]
    assert warnings_of(tree([*LABELLED, *kept])) == {}
    (message,) = warnings_of(tree([".cache/sad/b.mp4", "happy/.2.mp4"])).values()
    assert message.startswith("2 media files are left out, hidden by a dot")
    assert [clip.id for clip in load_clips(tree([]))] == LABELLED


def test_links_without_a_file_are_counted(tree: Tree) -> None:
    folder = Path(tree(LABELLED))
    (folder / "sad" / "gone.mp4").symlink_to("/nowhere.mp4")
    (folder / "sad" / "lost.mp4").symlink_to("away.mp4")
    (folder / "sad" / "up").symlink_to("..")
    assert warnings_of(str(folder)) == {
        "broken_link": "2 symbolic links lead nowhere; mend or remove them: sad/gone.mp4, sad/lost.mp4",
        "link_loop": "1 symbolic link leads in a circle; remove them: sad/up",
    }
    assert len(load_clips(str(folder))) == 2


@pytest.mark.parametrize("name", [b"happy/caf\xe9.mp4", b"happy/\xff\xfe/x.mp4"])
def test_a_name_that_is_no_text_is_one_clip_less(tree: Tree, name: bytes) -> None:
    folder = tree(LABELLED)
    path = os.path.join(os.fsencode(folder), name)  # noqa: PTH118  pathlib has no paths of bytes
    os.makedirs(os.path.dirname(path), exist_ok=True)  # noqa: PTH103, PTH120
    Path(os.fsdecode(path)).touch()
    (message,) = warnings_of(folder).values()
    assert "1 media file is left out: not UTF-8" in message
    assert r"\x" in message and message.isprintable()
    assert len(load_clips(folder)) == 2


def test_a_folder_of_broken_links_alone_says_so(tmp_path: Path) -> None:
    (tmp_path / "sad").mkdir()
    (tmp_path / "sad" / "gone.mp4").symlink_to("/nowhere.mp4")
    with pytest.raises(DataError, match="1 symbolic link leads nowhere"):
        read_source(str(tmp_path))


MORE = ".ogv .vob .m2ts .mts .f4v .opus .oga .wma .mka .gif .mpe .3g2 .aiff .amr .caf .mxf .MKV .Mp4"


def test_what_can_be_asked_about_counts_in_a_data_folder(tree: Tree) -> None:
    assert len(load_clips(tree([f"sad/clip{suffix}" for suffix in MORE.split()]))) == len(MORE.split())
    assert CLIP_SUFFIXES | IMAGE_SUFFIXES == MEDIA_SUFFIXES


def test_pictures_of_all_kinds_count_where_faces_are_asked_for(tree: Tree) -> None:
    names = [f"sad/face{suffix}" for suffix in (".jfif", ".jp2", ".jpe", ".gif", ".ppm", ".PNG", ".webp")]
    assert [face.id for face in read_faces(tree(names))] == sorted(names)


def test_a_folder_to_ask_about_tells_what_is_left_out_of_it(tree: Tree, caplog: pytest.LogCaptureFixture) -> None:
    folder = tree(["a.mp4", "b.xyz", "@eaDir/a.mp4"])
    with caplog.at_level(logging.WARNING):
        assert media_files(folder) == [f"{folder}/a.mp4"]
    assert [record.getMessage() for record in caplog.records] == [
        f"{folder}: left out: 1 .xyz, which is not read here: b.xyz"
    ]


def test_a_name_that_steers_a_terminal_is_spelt_out(tree: Tree) -> None:
    folder = tree([*LABELLED, "sad/\x1b[2J\u202e.xyz", "boring\n\x07/1.mp4"])
    told = [str(problem) for problem in read_source(folder).problems]
    assert all(line.isprintable() for line in told)
    assert any(r"sad/\x1b[2J\u202e.xyz" in line for line in told)
    assert any(line.startswith(rf"{folder}/boring\n\x07: ") for line in told)


def test_a_gif_is_a_clip_among_clips_and_a_picture_among_pictures(tree: Tree) -> None:
    folder = tree(["happy/a.gif", "sad/b.png"])
    assert unit_of(folder) == "images"
    assert [face.id for face in read_faces(folder)] == ["happy/a.gif", "sad/b.png"]
    (Path(folder) / "sad" / "c.mp4").touch()
    assert unit_of(folder) == "clips"
    assert [clip.id for clip in load_clips(folder)] == ["happy/a.gif", "sad/c.mp4"]


def test_the_page_with_a_timeline_beside_its_clip_is_not_told(tree: Tree) -> None:
    folder = tree([*LABELLED, "happy/1.mp4.html"])
    assert not warnings_of(folder)


def test_the_document_lists_all_endings_that_are_taken() -> None:
    document = (Path(__file__).parents[2] / "docs" / "data.md").read_text(encoding="utf-8")
    section = document.partition("## Endings of files")[2].partition("\n## ")[0]
    assert set(re.findall(r"`(\.\w+)`", section)) == CLIP_SUFFIXES | IMAGE_SUFFIXES


def test_an_empty_folder_is_told_in_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"holds no film or sound by its name \(\.mp4, .* and \d+ other endings, which"):
        read_source(str(tmp_path))


def test_files_that_differ_in_their_endings_alone_are_told(tree: Tree) -> None:
    (message,) = warnings_of(tree([*LABELLED, "happy/1.wav", "happy/1.b.mp4", "sad/1.mkv", "sad/2.mp4"])).values()
    assert message.startswith("4 files have the name of another one but for the ending: if one was made from the other")
    assert message.endswith("happy/1.mp4, happy/1.wav, sad/1.mkv, sad/1.mp4")


def test_forms_of_one_recording_of_a_known_set_are_not_told_so(tree: Tree) -> None:
    assert "same_name" not in warnings_of(tree(["1001_IEO_ANG_HI.flv", "1001_IEO_ANG_HI.wav", "1002_IEO_SAD_HI.flv"]))


VERSIONS = """
    01.wav|01_noise.wav 01.wav|01-pitch-2.5.wav a/01.wav|a/01_aug1.wav take.mp4|take_flipped.mp4 x_aug1.wav|x_aug2.wav
    clip.wav|clip_noise_shift.wav im_jpg.rf.0123456789abcdef.mp4|im_jpg.rf.fedcba9876543210.mp4"""
COPIES = ["01.wav|01 (1).wav", "01.wav|01 - Copy.wav", "1.mp4|1 - Kopie (2).mp4"]


@pytest.mark.parametrize("names", [*VERSIONS.split(), *COPIES])
def test_versions_of_one_recording_are_told(tree: Tree, names: str) -> None:
    paths = [f"happy/{name}" for name in names.split("|")]
    told = warnings_of(tree([*paths, "sad/2.wav"]))["made_of_others"]
    assert f"called like versions of others: {paths[1]}" in told or ", ".join(paths) in told


@pytest.mark.parametrize(
    "names",
    [
        "a01 (1).wav|a01 (2).wav",
        "01.wav|02.wav",
        "pitch.wav|noise.wav",
        "white_noise.wav|01.wav",
        "loft_speed.wav|x.wav",
    ],
)
def test_names_that_only_look_so_are_not(tree: Tree, names: str) -> None:
    assert "made_of_others" not in warnings_of(tree([f"happy/{name}" for name in names.split("|")] + ["sad/2.wav"]))


@pytest.mark.timeout(20)
def test_a_name_of_very_many_changes_is_read_at_once() -> None:
    assert made_of_others([f"x{'_shift1' * 34}(.wav", f"x{'_pitch-1.5' * 24}!.wav"], "") == []


def frames_told(folder: str) -> list[str]:
    _, problems = read_face_source(folder)
    return [problem.message for problem in problems if problem.code == "frames_of_recordings"]


FRAMES = [f"{label}/S{film:03}_004_{n:08}.png" for film, label in enumerate(("sad", "happy", "fear")) for n in (16, 17)]


def test_pictures_that_are_called_like_frames_of_films_are_told(tree: Tree) -> None:
    (message,) = frames_told(tree([*FRAMES, "sad/other.png"]))
    assert message.startswith("6 pictures are called like frames of 3 films (")
    assert "S001_004_00000016.png" in message


def test_they_are_told_where_a_source_divides_films_and_not_where_it_keeps_them_together(tree: Tree) -> None:
    assert frames_told(tree([f"{'train' if path.endswith('6.png') else 'val'}/{path}" for path in FRAMES]))


@pytest.mark.parametrize(
    "names",
    [
        [f"{'val' if 'fear' in path else 'train'}/{path}" for path in FRAMES],
        [f"{label}/Training_{n}{n}.png" for label in ("sad", "happy") for n in range(9)],
        [f"sad/im{n:05}.png" for n in range(20)] + ["happy/a1.png"],
    ],
)
def test_pictures_of_films_on_one_side_and_numbered_pictures_are_not_told(tree: Tree, names: list[str]) -> None:
    assert frames_told(tree(names)) == []
