"""`affekt predict`: which files it takes, who is analysed, windows of a long video, and the forms of its answers."""

from __future__ import annotations

import csv
import io
import itertools
import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import imageio_ffmpeg
import pytest

from affekt.dataset.files_meant import files_meant
from affekt.errors import DataError
from affekt.pipelines.cli import run

Ask = Callable[..., tuple[int, str, str]]


@pytest.fixture
def clip(sample_clips: Path, tmp_path: Path) -> Path:
    first = sorted((sample_clips / "clips").iterdir())[0]
    file = tmp_path / "a clip.mp4"
    file.write_bytes(first.read_bytes())
    return file


@pytest.fixture
def ask(tiny_ensemble: Path, capsys: pytest.CaptureFixture[str]) -> Ask:
    """Call with the arguments of the command; gives exit code, standard output and standard error."""

    def ask(*arguments: str | Path) -> tuple[int, str, str]:
        code = run(["predict", *map(str, arguments), "--model", str(tiny_ensemble)])
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return ask


def touched(folder: Path, *names: str) -> list[str]:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()
    return [str(folder / name) for name in names]


def test_a_folder_means_its_media_files_by_name(tmp_path):
    b, a, _, c = touched(tmp_path, "b.mp4", "a.MOV", "notes.txt", "below/c.jpg")
    assert files_meant([str(tmp_path)]) == sorted([a, b, c])


def test_a_pattern_means_what_it_fits(tmp_path):
    a, _, c = touched(tmp_path, "x1.mp4", "y.mp4", "x2.mp4")
    assert files_meant([f"{tmp_path}/x*.mp4"]) == [a, c]


def test_a_name_that_looks_like_a_pattern_means_itself(tmp_path):
    (name,) = touched(tmp_path, "take [1].mp4")
    assert files_meant([name]) == [name]


def test_a_list_names_files_and_folders(tmp_path):
    a, b = touched(tmp_path, "a.mp4", "folder/b.mp4")
    (tmp_path / "list.txt").write_text(f"# takes\n{a}\n\n{tmp_path / 'folder'}\n")
    assert files_meant([f"@{tmp_path / 'list.txt'}"]) == [a, b]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_a_list_may_be_written_by_any_program(tmp_path, encoding, end):
    (tmp_path / "list.txt").write_bytes(end.join(["a.mp4", "# not this", "é b.mp4", ""]).encode(encoding))
    assert files_meant([f"@{tmp_path / 'list.txt'}"]) == ["a.mp4", "é b.mp4"]


def test_names_come_from_standard_input(tmp_path, monkeypatch):
    (a,) = touched(tmp_path, "a.mp4")
    monkeypatch.setattr("sys.stdin", io.StringIO(f"{a}\n"))
    assert files_meant(["-"]) == [a]


@pytest.mark.parametrize("name", ["folder", "@list.txt", "@empty.txt"])
def test_what_means_no_file_says_so(tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "folder").mkdir()
    (tmp_path / "empty.txt").touch()
    with pytest.raises(DataError, match=r"holds no media file|cannot be read|names no file"):
        files_meant([name])


def test_windows_cover_the_video_and_each_has_an_answer(ask, clip):
    code, out, err = ask(clip, "--every", "1", "--json")
    results = json.loads(out)["results"]
    assert code == 0
    assert [result["from"] for result in results] == [float(number) for number in range(len(results))]
    assert all(later["from"] == earlier["to"] for earlier, later in itertools.pairwise(results))
    assert all(sum(result["probabilities"].values()) == pytest.approx(1) for result in results)
    assert f"timeline: {clip}.html" in err


def test_the_timeline_shows_the_video_beside_it_and_a_part_a_window(ask, clip):
    _, out, _ = ask(clip, "--every", "1", "--json")
    page = Path(f"{clip}.html").read_text(encoding="utf-8")
    assert 'src="a%20clip.mp4"' in page
    assert page.count("<button") == len(json.loads(out)["results"])


@pytest.mark.parametrize("full", [False, True])
def test_a_timeline_that_cannot_be_written_keeps_no_answer_and_is_told_once(ask, clip, full):
    page = Path(f"{clip}.html")
    if full:
        page.symlink_to("/dev/full")  # it opens, and fails at the end
    else:
        page.mkdir()
    code, out, err = ask(clip, "--every", "1", "--json")
    document = json.loads(out)
    assert code == 1
    assert all(result["label"] for result in document["results"])
    assert document["error"]["where"] == str(page)
    assert err.count(f"affekt: {page}: ") == 1


def test_the_face_of_a_window_is_told_in_pixels_and_seconds_of_the_video(ask, clip, tmp_path):
    video = tmp_path / "large.mp4"
    enlarge = ["-vf", "scale=1280:960", "-c:a", "copy", "-v", "error", str(video)]
    subprocess.run([imageio_ffmpeg.get_ffmpeg_exe(), "-i", str(clip), *enlarge], check=True)
    (whole,) = json.loads(ask(video, "--json")[1])["results"]
    *_, last = json.loads(ask(video, "--every", "1", "--json")[1])["results"]
    assert last["face"]["box"] == pytest.approx(whole["face"]["box"], abs=40)
    (first, end), *_ = last["face"]["seconds"]
    assert last["from"] <= first < end <= last["to"] + 0.1


def test_the_analysed_faces_are_kept_on_request(ask, clip, tmp_path):
    results = json.loads(ask(clip, "--every", "1", "--thumbnails", tmp_path / "faces", "--json")[1])["results"]
    pictures = [Path(result["thumbnail"]) for result in results]
    assert len(set(pictures)) == len(results) > 1
    assert all(picture.read_bytes().startswith(b"\xff\xd8") for picture in pictures)


def test_pictures_of_faces_are_told_with_their_folder_and_need_one(ask, clip, tmp_path):
    assert f"thumbnails: 1 face in {tmp_path / 'faces'}" in ask(clip, "--thumbnails", tmp_path / "faces")[2]
    assert "is a file; name a folder" in ask(clip, "--thumbnails", clip)[2]


def test_a_telephones_photograph_is_scaled_down_and_that_is_said(ask, clip, tmp_path):
    photograph = tmp_path / "phone.jpg"
    one = ["-frames:v", "1", "-vf", "scale=4000:3000", "-v", "error", str(photograph)]
    subprocess.run([imageio_ffmpeg.get_ffmpeg_exe(), "-i", str(clip), *one], check=True)
    (found,) = json.loads(ask(photograph, "--json")[1])["results"]
    assert "the picture of 12 megapixels was scaled down" in found["warnings"]
    assert found["face"]["box"][2] > 500  # in pixels of the photograph


def test_the_table_tells_among_how_many_people_who_was_analysed(ask, shared_data):
    rows = list(csv.DictReader(io.StringIO(ask(shared_data / "edge_media" / "multiface.jpg", "--csv")[1])))
    assert (rows[0]["people"], rows[0]["person"]) == ("6", "4")
    assert len(rows[0]["box"].split()) == 4


def test_progress_tells_the_time_left_where_lines_do_not(ask, clip, tmp_path, monkeypatch, caplog):
    monkeypatch.setattr("affekt.progress.PLAIN_INTERVAL", 0.0)
    with caplog.at_level("INFO", "affekt.progress"):
        ask(clip, "--every", "0.5", "--csv")
    assert "left" in caplog.text and "window" in caplog.text


@pytest.mark.parametrize("seconds", ["0.1", "1e9"])
def test_an_impossible_window_is_one_error_a_file(ask, clip, seconds):
    code, out, _ = ask(clip, f"--every={seconds}")
    assert code == 1
    assert "expected windows of 0.5 to" in out


@pytest.mark.parametrize("seconds", ["0", "-3"])
def test_a_window_of_no_time_is_refused_before_the_work(ask, clip, seconds, capsys):
    with pytest.raises(SystemExit) as ended:
        ask(clip, f"--every={seconds}")
    assert ended.value.code == 2
    assert "a number of seconds above 0" in capsys.readouterr().err


def test_a_picture_has_no_windows_and_a_long_clip_is_sent_to_them(ask, clip, tmp_path):
    (tmp_path / "a.png").touch()
    assert "is a still picture, which has no windows" in ask(tmp_path / "a.png", "--every", "1")[1]
    assert "or let --every SECONDS answer it in windows" in ask(clip, "--set", "media.max_seconds=0.5")[1]


def test_another_limit_holds_for_this_answer(ask, clip):
    code, out, _ = ask(clip, "--set", "media.max_seconds=0.5", "--json")
    assert code == 1
    assert json.loads(out)["results"][0]["error"]["code"] == "too_long"


def test_what_is_no_limit_is_refused(ask, clip):
    code, _, err = ask(clip, "--set", "media.face_size=32")
    assert code == 1
    assert "an answer follows the settings that the model was trained with" in err


def test_the_table_has_a_row_a_file_and_no_formula(ask, clip, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    code, out, _ = ask(clip, "=1+1.mp4", "--csv")
    rows = list(csv.DictReader(io.StringIO(out)))
    assert code == 1
    assert [row["file"] for row in rows] == [str(clip), "'=1+1.mp4"]
    assert sum(float(rows[0][label]) for label in list(rows[0])[3:-7]) == pytest.approx(1)
    assert "no such file" in rows[1]["error"]


def test_control_signs_in_a_name_are_not_printed_raw(ask):
    _, out, _ = ask("\x1b[31mred.mp4")
    assert "\x1b" not in out and "\\x1b[31mred.mp4" in out


def test_the_person_is_handed_on(ask, clip):
    code, out, _ = ask(clip, "--person", "9", "--json")
    assert code == 1
    assert json.loads(out)["results"][0]["error"]["code"] == "unknown_person"


@pytest.mark.parametrize(
    "arguments",
    [
        ["--url", "http://127.0.0.1:1", "--person", "left"],
        ["--url", "http://127.0.0.1:1", "--every", "2"],
        ["--url", "http://127.0.0.1:1", "--set", "media.max_seconds=1"],
        ["--url", "http://127.0.0.1:1"],
        ["--json", "--csv"],
        ["--same-person", "--every", "2"],
        ["--same-person", "--thumbnails", "faces"],
        ["--url", "http://127.0.0.1:1", "--thumbnails", "faces"],
    ],
)
def test_flags_that_do_nothing_together_are_refused(ask, clip, arguments):
    code, out, err = ask(clip, *arguments)
    assert code == 2
    assert json.loads(out)["error"]["code"] == "usage" if "--json" in arguments else out == ""
    assert "leave one of them out" in err or "choose one" in err
