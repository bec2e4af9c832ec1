"""Three lines of Python: what they answer, how they show it, and that they answer as the command does."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import imageio_ffmpeg
import numpy as np
import pytest

import affekt
from affekt.errors import AffektError, DataError, MediaError, UsageError
from affekt.pipelines.cli import run


@pytest.fixture(scope="module")
def model(tiny_ensemble: Path) -> affekt.Model:
    return affekt.load(tiny_ensemble)


@pytest.fixture(scope="module")
def clip(sample_clips: Path) -> Path:
    return sorted((sample_clips / "clips").iterdir())[0]


def test_a_clip_is_answered_as_the_command_answers_it(model, clip, tiny_ensemble, capsys):
    assert run(["predict", str(clip), "--model", str(tiny_ensemble), "--json"]) == 0
    (said,) = json.loads(capsys.readouterr().out)["results"]
    assert model.predict(clip).to_dict() == said


def test_a_list_has_an_entry_for_each_file_and_a_bad_one_is_a_failure(model, clip, tmp_path):
    answers = model.predict([clip, tmp_path / "none.mp4", clip])
    assert [type(entry) for entry in answers] == [affekt.Prediction, affekt.Failure, affekt.Prediction]
    assert answers[1].error.code == "missing"
    assert answers[0] == answers[2]


def test_a_folder_is_answered_in_the_order_of_names(model, clip, tmp_path):
    for name in ("b.mp4", "a.mp4"):
        (tmp_path / name).write_bytes(clip.read_bytes())
    (tmp_path / "notes.txt").write_text("no clip")
    assert [Path(entry.file).name for entry in model.predict(tmp_path)] == ["a.mp4", "b.mp4"]


def test_a_folder_without_clips_says_so(model, tmp_path):
    with pytest.raises(DataError, match="holds no media file"):
        model.predict(tmp_path)


def test_a_single_bad_file_raises(model, tmp_path):
    with pytest.raises(MediaError, match=r"none\.mp4: there is no such file; check the path"):
        model.predict(tmp_path / "none.mp4")


@pytest.mark.parametrize("clips", ["", None, b"clip", [3], ["a.mp4", ""], [np.zeros((9, 9, 3), np.uint8)]])
def test_what_is_no_clip_is_refused_and_the_folder_one_is_in_is_not_meant(model, clips):
    with pytest.raises(UsageError, match="expected"):
        model.predict(clips)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"frame_rate": None}, "expected a frame rate above 0 and up to 240 a second, got None"),
        ({"frame_rate": "25"}, "got '25'"),
        ({"sound": [0, 0]}, "expected sound as an array, got list"),
        ({"sound": np.zeros((2, 16000), np.int16)}, "are samples and channels exchanged"),
        ({"sound": np.zeros(16000, np.int16), "sample_rate": "16000"}, "expected a sample rate in whole Hz.*'16000'"),
        ({"sound": np.zeros(16000, np.int16), "sample_rate": float("nan")}, "expected a sample rate in whole Hz"),
    ],
)
def test_arrays_of_another_kind_are_one_sentence(model, given, said):
    with pytest.raises(MediaError, match=said) as caught:
        model.predict(np.zeros((2, 32, 32, 3), np.uint8), **given)
    assert caught.value.code == "bad_array"


@pytest.mark.parametrize("data", ["", [], 3, [3], None])
@pytest.mark.parametrize("ask", [affekt.check, affekt.train, affekt.evaluate])
def test_no_data_set_never_means_the_folder_one_is_in(ask, data):
    with pytest.raises(UsageError, match="expected a folder or a CSV file, or a list of them, got"):
        ask(data)


@pytest.mark.parametrize("given", [{"settings": "svc.c=3"}, {"only": 3}])
def test_settings_and_models_are_lists(given, sample_clips):
    with pytest.raises(UsageError, match="like"):
        affekt.train(sample_clips, **given)


def test_all_errors_can_be_caught_by_a_name_of_the_package(model, tmp_path):
    with pytest.raises(affekt.AffektError) as caught:
        model.predict(tmp_path / "none.mp4")
    assert affekt.AffektError is AffektError
    assert caught.value.code == "missing"


def test_the_table_has_a_row_a_clip_and_a_column_a_label(model, clip, tmp_path):
    table = model.predict([clip, tmp_path / "none.mp4"]).to_pandas()
    assert list(table["file"]) == [str(clip), str(tmp_path / "none.mp4")]
    assert table.loc[0, list(model.labels)].sum() == pytest.approx(1)
    assert "there is no such file; check the path" in table.loc[1, "error"]


def test_an_answer_shows_itself_in_a_notebook(model, clip):
    page = model.predict(clip)._repr_html_()
    assert page.count("<tr>") == len(model.labels)
    assert "data:image/jpeg;base64," in page


def test_names_are_escaped_on_the_page(model, clip, tmp_path):
    file = tmp_path / "<script>.mp4"
    file.write_bytes(clip.read_bytes())
    assert "<script>" not in model.predict(file)._repr_html_()


def test_arrays_are_answered_as_the_file_they_came_from(model, clip):
    """Sound without loss gives the same voice; pictures pass through the colours of a video and differ by rounding."""
    frames, rate, sound, sample_rate = arrays_of(clip)
    from_file, from_arrays = (
        model.predict(clip),
        model.predict(frames, frame_rate=rate, sound=sound, sample_rate=sample_rate),
    )
    assert from_arrays.frames == from_file.frames
    for name in ("random_forest", "svc"):
        assert list(from_arrays.models[name].values()) == pytest.approx(list(from_file.models[name].values()), abs=0.05)
    assert from_arrays.modalities == ("face", "voice")


def test_arrays_without_sound_are_answered_from_the_face(model, clip):
    frames, rate, _, _ = arrays_of(clip)
    assert model.predict(frames, frame_rate=rate).modalities == ("face",)


@pytest.mark.parametrize(
    ("frames", "sound", "says"),
    [
        (np.zeros((2, 8, 8), np.uint8), None, "expected frames uint8"),
        (np.zeros((2, 8, 8, 3), np.float32), None, "expected frames uint8"),
        (np.zeros((0, 8, 8, 3), np.uint8), None, "expected frames uint8"),
        (np.zeros((2, 64, 64, 3), np.uint8), np.zeros(8, np.int64), "expected sound as float or int16"),
        (np.zeros((2, 64, 64, 3), np.uint8), np.full(8, 3.0), "between -1 and 1"),
    ],
)
def test_wrong_arrays_are_told(model, frames, sound, says):
    with pytest.raises(MediaError, match=says):
        model.predict(frames, sound=sound)


@pytest.mark.parametrize("rate", [0, -8000, 22050.5, 10**9])
def test_a_sample_rate_that_no_sound_has_is_told(model, rate):
    with pytest.raises(MediaError, match="expected a sample rate in whole Hz"):
        model.predict(np.zeros((2, 64, 64, 3), np.uint8), sound=np.zeros(8), sample_rate=rate)


def test_a_fault_of_arrays_names_them_and_no_file(model):
    with pytest.raises(MediaError) as raised:
        model.predict(np.zeros((5, 64, 64, 3), np.uint8))
    assert raised.value.where == "the arrays"


def test_labels_in_one_text_and_what_no_model_can_be_are_refused(model, clip):
    with pytest.raises(UsageError, match="expected a list of labels"):
        model.predict(clip, labels="happy,sad")
    with pytest.raises(UsageError, match="expected a name or a path, got int"):
        affekt.load(7)


def test_several_data_sets_are_checked_together(sample_clips, tmp_path):
    other = tmp_path / "other"
    shutil.copytree(sample_clips, other)
    assert len(affekt.check([sample_clips, other]).counts) == 2 * len(affekt.check(sample_clips).counts)


def test_models_to_train_may_be_a_list(tmp_path):
    with pytest.raises(DataError, match="unknown model 'svcc'"):
        affekt.train(tmp_path, only=["svc", "svcc"])


def test_another_person_is_analysed_where_one_is_asked_for(model, shared_data):
    file = shared_data / "edge_media" / "multiface.jpg"
    left, right = (model.predict(file, person=who) for who in ("left", "right"))
    assert left.face.people > 1
    assert left.face.person == 1
    assert right.face.person == right.face.people
    assert left.face.box != right.face.box


def test_a_person_whom_nobody_can_be_is_refused(model, clip):
    with pytest.raises(MediaError, match="no person 'tall'"):
        model.predict([clip], person="tall")


@pytest.mark.parametrize(
    ("clips", "sound", "says"),
    [
        (5, None, "got int"),
        (b"a.mp4", None, "got bytes"),
        (None, None, "got None"),
        ("a.mp4", np.zeros(9), "leave it out"),
    ],
)
def test_what_is_no_clip_is_told_in_a_sentence(model, clips, sound, says):
    with pytest.raises(UsageError, match=says):
        model.predict(clips, sound=sound)


def test_check_can_be_asked_again_and_says_the_same(sample_clips):
    found = affekt.check(sample_clips)
    assert affekt.check(sample_clips) == found
    assert found.ok
    assert "no errors" in str(found)
    assert "<table" in found._repr_html_()


def test_findings_become_a_table(tmp_path):
    (tmp_path / "manifest.csv").write_text("path,label,subject,split\nnone.mp4,happy,a,train\n")
    table = affekt.check(tmp_path).to_pandas()
    assert list(table.columns) == ["severity", "code", "where", "message"]
    assert "missing_file" in set(table["code"])


def test_a_place_that_is_not_there_is_a_finding(tmp_path):
    assert not affekt.check(tmp_path / "nowhere").ok


def test_an_evaluation_is_that_of_the_command(model, sample_clips, tiny_ensemble, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("AFFEKT_HOME", str(tmp_path))
    found = affekt.evaluate(sample_clips, model, split="val")
    assert run(["evaluate", str(sample_clips), "--model", str(tiny_ensemble), "--split", "val", "--json"]) == 0
    assert found.to_dict() == json.loads(capsys.readouterr().out)
    table = found.to_pandas()
    assert list(table.index) == [*found.evaluation.models, f"fusion: {found.evaluation.chosen}"]
    assert table["accuracy"].iloc[-1] == found.accuracy
    assert "average recall" in found._repr_html_()
    with pytest.raises(affekt.AffektError, match=r"there is no folder .*nowhere; make it, or check the path"):
        found.report(tmp_path / "nowhere" / "page.html")
    page = found.report(tmp_path / "page.html").read_text(encoding="utf-8")
    assert "Confusion matrices" in page
    assert "These are sample clips" in page
    confused = sum(len(pair.examples) for pair in found.evaluation.confused)
    assert page.count("A face of the clip") == len(found.evaluation.worst) + confused
    assert f"affekt evaluate {sample_clips} --model {tiny_ensemble} --split val" in page


def test_data_with_errors_are_not_evaluated(model, tmp_path):
    (tmp_path / "manifest.csv").write_text("path,label\nnone.mp4,hapy\n")
    with pytest.raises(DataError, match="hapy"):
        affekt.evaluate(tmp_path, model)


def test_importing_affekt_imports_nothing_heavy():
    listing = "import sys, affekt; print(*(m for m in ('numpy', 'torch', 'cv2', 'mlflow') if m in sys.modules))"
    done = subprocess.run([sys.executable, "-c", listing], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no attribute 'predict'"):
        affekt.predict  # noqa: B018


def test_an_unregistered_model_lists_what_there_is(tmp_path, monkeypatch):
    monkeypatch.setenv("AFFEKT_HOME", str(tmp_path))
    with pytest.raises(AffektError, match="none is registered yet"):
        affekt.load("affekt@champion")


def arrays_of(clip: Path) -> tuple[np.ndarray, float, np.ndarray, int]:
    """The frames, their rate, the sound and its rate of a sample clip, by the decoder itself."""

    def decoded(*how: str) -> bytes:
        command = [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-i", str(clip), *how, "-"]
        return subprocess.run(command, capture_output=True, check=True).stdout

    reader = imageio_ffmpeg.read_frames(str(clip))
    facts = next(reader)
    reader.close()
    width, height = facts["size"]
    pixels = decoded("-f", "rawvideo", "-pix_fmt", "rgb24")
    frames = np.frombuffer(pixels, np.uint8).reshape(-1, height, width, 3)
    sound = np.frombuffer(decoded("-f", "s16le", "-ac", "1", "-ar", "16000"), np.int16)
    return frames, facts["fps"], sound, 16000
