"""What an interrupted local training has done already is not done again."""

import contextlib
from pathlib import Path

import pytest
from kfp import dsl

from affekt import events
from affekt.errors import AffektError
from affekt.pipelines.kept_steps import kept_steps, key_of
from affekt.pipelines.local import run_locally
from affekt.settings import load_settings


@dsl.component(base_image="none", install_kfp_package=False)
def first(counter: str, text: str, made: dsl.Output[dsl.Artifact]) -> str:
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
def two_steps(counter: str, stop: str, text: str) -> None:
    one = first(counter=counter, text=text)
    second(counter=counter, stop=stop, word=one.outputs["Output"], made=one.outputs["made"])


def start(folder: Path, text: str = "a") -> str:
    """Both steps as far as they come; what ran since the beginning."""
    given = {"counter": str(folder / "counter"), "stop": str(folder / "stop"), "text": text}
    with kept_steps(folder / "runs" / "run", "key", fresh=False) as kept:
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
    (run,) = (interrupted / "runs").iterdir()
    assert sorted(path.name for path in run.iterdir()) == ["artifacts", "pipeline.log"]


def test_a_step_whose_output_was_changed_since_is_run_again(interrupted):
    (made,) = (interrupted / "runs").rglob("made")
    made.write_text("b")
    assert start(interrupted) == "first second first second "


def test_a_step_that_is_given_something_else_is_run_again(interrupted):
    assert start(interrupted, text="b") == "first second first second "


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
