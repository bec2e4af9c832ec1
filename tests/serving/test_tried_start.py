"""A server's start: the model has to answer the clips that it carries as where it was trained."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from affekt.ensemble.carried import trials_in
from affekt.ensemble.manifest import add_files
from affekt.ensemble.trials import add_trials
from affekt.errors import AffektError, DataError
from affekt.pipelines.cli import run
from affekt.pipelines.cli import serve as command
from affekt.serving.server import LocalServer


@pytest.fixture(scope="module")
def carrying(tiny_ensemble: Path, clip: Path, no_clip: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An ensemble that carries a clip and a file that is none, with its own answers."""
    folder = shutil.copytree(tiny_ensemble, tmp_path_factory.mktemp("carrying") / "ensemble")
    add_trials(folder, [clip, no_clip])
    return folder


@pytest.fixture
def elsewhere(carrying: Path, tmp_path: Path) -> Path:
    """The same, which answered otherwise where it was trained: a tenth went from one label to another."""
    folder = shutil.copytree(carrying, tmp_path / "elsewhere")
    file = folder / "trials" / "expected.json"
    expected = json.loads(file.read_text())
    probabilities = next(answer["probabilities"] for answer in expected.values() if "probabilities" in answer)
    first, second = list(probabilities)[:2]
    probabilities[first] += 0.1
    probabilities[second] -= 0.1
    file.write_text(json.dumps(expected))
    add_files(folder, ["trials/expected.json"])
    return folder


def tried(server: LocalServer) -> list[str]:
    """Which clips a start is told to try."""
    server.ensemble, server.version, server.workers = server._find()[0], "1", 1
    return [Path(each["clip"]).name for each in server._served().trials]


def test_a_server_starts_whose_model_answers_as_where_it_was_trained(carrying, clip, no_clip, tmp_path):
    server = LocalServer(carrying, engine="direct", workers=1, home=tmp_path)
    assert tried(server) == [clip.name, no_clip.name]
    with server:
        assert server.predict(clip)["label"]
        inbox = Path(server.options.work) / "clips"
        assert not inbox.is_dir() or list(inbox.iterdir()) == []


@pytest.mark.parametrize("engine", ["torchserve", "direct"])
def test_one_whose_model_answers_otherwise_does_not_and_says_which_clip(elsewhere, clip, tmp_path, engine):
    server = LocalServer(elsewhere, engine=engine, workers=1, home=tmp_path)
    with pytest.raises(AffektError, match=rf"{clip.name}: a probability differs by 0\.1 .*--untried") as raised:
        server.start()
    assert raised.value.code == "trial_failed" and raised.value.where == str(elsewhere)
    assert not server.running()


def test_untried_it_starts_all_the_same(elsewhere, clip, tmp_path):
    with LocalServer(elsewhere, engine="direct", workers=1, tried=False, home=tmp_path) as server:
        assert server.predict(clip)["label"]


@pytest.mark.parametrize(("words", "wanted"), [([], True), (["--untried"], False)])
def test_the_command_tries_unless_it_is_told_not_to(tiny_ensemble, monkeypatch, words, wanted):
    def asked(*_: object, **options: object) -> None:
        assert options["tried"] is wanted
        raise AffektError("enough was seen", code="seen")

    monkeypatch.setattr(command, "LocalServer", asked)
    assert run(["serve", "--model", str(tiny_ensemble), *words]) == 1


def test_a_clip_that_was_changed_is_no_trial(carrying, clip, tmp_path):
    folder = shutil.copytree(carrying, tmp_path / "changed")
    (folder / "trials" / clip.name).write_bytes(b"another clip")
    with pytest.raises(DataError, match=rf"{clip.name}.* does not match its digest"):
        trials_in(folder, checked=False)
