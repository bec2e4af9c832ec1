"""What an interrupted local training has done already is not done again."""

import contextlib
import shutil
from pathlib import Path

import pytest
from kfp import dsl

from affekt import events
from affekt.errors import AffektError, DataError
from affekt.pipelines.containers import folders_of
from affekt.pipelines.interrupted import any_interrupted
from affekt.pipelines.kept_steps import kept_steps, key_of
from affekt.pipelines.local import run_locally
from affekt.settings import load_settings

pytestmark = pytest.mark.usefixtures("one_process_to_fork_from")


@dsl.component(base_image="none", install_kfp_package=False)
def first(counter: str, text: str, store: str, made: dsl.Output[dsl.Artifact]) -> str:
    from pathlib import Path

    with Path(counter).open("a") as file:
        file.write("first ")
    Path(made.path).write_text(text)
    return text


@dsl.component(base_image="none", install_kfp_package=False)
def second(counter: str, stop: str, word: str, made: dsl.Input[dsl.Artifact]) -> None:
    from pathlib import Path

    with Path(counter).open("a") as file:
        file.write("second ")
    if Path(stop).exists():
        raise ValueError("stopped here")


@dsl.pipeline
def two_steps(counter: str, stop: str, text: str, store: str) -> None:
    one = first(counter=counter, text=text, store=store)
    second(counter=counter, stop=stop, word=one.outputs["Output"], made=one.outputs["made"])


def start(folder: Path, text: str = "a", home: str = "home", elsewhere: bool = False) -> str:
    """Both steps as far as they come, in a home; what ran since the beginning."""
    given = {"counter": str(folder / "counter"), "stop": str(folder / "stop"), "text": text}
    given["store"] = str(folder / home / "store")
    with (
        pytest.MonkeyPatch.context() as patch,
        kept_steps(folder / home / "runs" / "run", "key", fresh=False, elsewhere=elsewhere) as kept,
    ):
        patch.setenv("AFFEKT_HOME", str(folder / home))
        run_locally(two_steps, given, kept.folder, say=lambda event: None, kept=kept)
        kept.complete()
    return (folder / "counter").read_text()


@dsl.component(base_image="none", install_kfp_package=False)
def register(counter: str, deaths: int) -> None:
    import os
    from pathlib import Path

    with Path(counter).open("a") as file:
        file.write("register ")
    if Path(counter).read_text().count("register") <= deaths:
        os.abort()


@dsl.pipeline
def only_registration(counter: str, deaths: int) -> None:
    register(counter=counter, deaths=deaths)


@pytest.mark.parametrize("deaths", [1, 3])
def test_a_registration_that_dies_is_tried_again_and_not_for_ever(tmp_path, deaths):
    given, said = {"counter": str(tmp_path / "counter"), "deaths": deaths}, []
    with pytest.raises(AffektError) if deaths == 3 else contextlib.nullcontext():
        run_locally(only_registration, given, tmp_path / "run", say=said.append)
    assert (tmp_path / "counter").read_text() == "register " * min(3, deaths + 1)
    assert [event.text[:11] for event in said if isinstance(event, events.Text)] == ["tried again"] * min(2, deaths)


@pytest.fixture
def interrupted(tmp_path):
    (tmp_path / "stop").touch()
    with pytest.raises(AffektError):
        start(tmp_path)
    (tmp_path / "stop").unlink()
    return tmp_path


def test_a_step_that_is_done_is_not_run_again(interrupted):
    assert start(interrupted) == "first second second "
    (run,) = (interrupted / "home" / "runs").iterdir()
    assert sorted(path.name for path in run.iterdir()) == ["artifacts", "pipeline.log"]


def test_a_step_whose_output_was_changed_since_is_run_again(interrupted):
    (made,) = (interrupted / "home" / "runs").rglob("made")
    made.write_text("b")
    assert start(interrupted) == "first second first second "


def test_a_step_that_is_given_something_else_is_run_again(interrupted):
    assert start(interrupted, text="b") == "first second first second "


def test_a_home_that_was_moved_goes_on(interrupted):
    (interrupted / "home").rename(interrupted / "moved")
    assert start(interrupted, home="moved") == "first second second "
    assert not (interrupted / "home").exists()


def test_a_copied_home_goes_on_with_its_own_files(interrupted):
    shutil.copytree(interrupted / "home", interrupted / "copy")
    (made,) = (interrupted / "home" / "runs").rglob("made")
    made.write_text("b")
    assert start(interrupted, home="copy") == "first second second "
    assert made.read_text() == "b"
    assert (interrupted / "home" / "runs" / "run" / "training.json").exists()


def test_a_copied_home_leaves_a_run_on_a_server_to_the_original(interrupted, caplog):
    shutil.copytree(interrupted / "home", interrupted / "copy")
    assert start(interrupted, home="copy", elsewhere=True) == "first second first second "
    assert "is a copy of" in caplog.text
    (interrupted / "home").rename(interrupted / "moved")
    assert start(interrupted, home="moved", elsewhere=True) == "first second first second second "


def test_a_training_is_known_wherever_its_home_lies(tmp_path, monkeypatch):
    def key(home: str, store: str) -> str:
        monkeypatch.setenv("AFFEKT_HOME", str(tmp_path / home))
        return key_of({"data": "", "faces": "", "store": str(tmp_path / store / "store")}, load_settings("small"))

    assert key("a", "a") == key("b", "b") != key("b", "elsewhere")


def test_rows_without_a_label_are_left_out_where_that_was_said(tmp_path):
    for name in ("a.wav", "b.wav"):
        (tmp_path / name).write_text(name)
    data = tmp_path / "clips.csv"
    data.write_text("path,label,subject,split\na.wav,happy,s1,train\nb.wav,,s2,train\n")
    given = {"data": str(data), "faces": ""}
    waiting = load_settings("small", ["leave_out_unlabelled=true"])
    assert key_of(given, waiting)
    assert folders_of(str(data), "", waiting) == [tmp_path]
    with pytest.raises(DataError, match="no label"):
        key_of(given, load_settings("small"))


def test_whether_a_training_is_unfinished_is_asked_of_its_key_and_not_while_somebody_is_at_work(tmp_path):
    with pytest.raises(ValueError, match="stopped"), kept_steps(tmp_path / "run", "key", fresh=False):
        assert not any_interrupted(tmp_path, "key")
        raise ValueError("stopped")
    assert any_interrupted(tmp_path)
    assert [any_interrupted(tmp_path, key) for key in ("key", "other")] == [True, False]
    with kept_steps(tmp_path / "run", "key", fresh=False) as kept:
        kept.complete()
    assert not any_interrupted(tmp_path)


def test_a_finished_training_is_not_gone_on_with(tmp_path):
    arguments = {"data": "", "faces": ""}
    key = key_of(arguments, load_settings("small"))
    assert key == key_of(arguments, load_settings("small"))
    assert key != key_of(arguments, load_settings("small", ["seed=7"]), "x")
    with kept_steps(tmp_path / "1", key, fresh=False) as first, kept_steps(tmp_path / "2", key, fresh=False) as beside:
        assert beside.job != first.job  # somebody works on the first
        beside.complete()
    with kept_steps(tmp_path / "3", key, fresh=True) as fresh:
        assert fresh.job != first.job
        fresh.complete()
    with kept_steps(tmp_path / "4", key, fresh=False) as again:
        assert again.job == first.job
        again.complete()
    with kept_steps(tmp_path / "5", key, fresh=False) as new:
        assert new.job != first.job
