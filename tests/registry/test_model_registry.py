"""The model registry: versions, aliases, references, and the way back."""

from __future__ import annotations

import json
import shutil
import zipfile

import pytest

from affekt.errors import AffektError, DataError
from affekt.registry import list_models, promote, register, resolve, rollback
from affekt.registry.models import digest_of, find
from affekt.registry.registering import _logged


@pytest.fixture
def run(tracking):
    return tracking.start_parent("weekly")


def aliases(tracking):
    return {alias: item.version for item in list_models(tracking) for alias in item.aliases}


def test_versions_count_up_and_the_newest_is_the_challenger(four):
    assert [item.version for item in list_models(four)] == [4, 3, 2, 1]
    assert aliases(four) == {"challenger": 4}


def test_a_version_keeps_its_figures_and_facts_exactly(tracking, run, saved):
    metrics = {"accuracy": 0.1 + 0.2}
    version = register(tracking, saved("a"), name="affekt", run_id=run, metrics=metrics, tags={"data_digest": "d1"})
    found = find(f"affekt/{version}", tracking)
    assert found.metrics == metrics
    assert found.tags["data_digest"] == "d1"
    assert found.run_id == run
    model = tracking.client.get_logged_model(found.tags["logged_model"])
    assert {item.key: item.value for item in model.metrics} == metrics


def test_a_registration_that_died_half_way_is_completed_with_what_it_left(tracking, run, saved):
    folder = saved("a")
    client = tracking.client
    experiment = client.get_run(run).info.experiment_id
    facts = {"ensemble_digest": digest_of(folder)}
    half = client.create_logged_model(experiment, name="affekt", source_run_id=run, tags=facts)
    whole = _logged(tracking, folder, "affekt", run, facts, "")
    register(tracking, folder, name="affekt", run_id=run)
    assert find("affekt/1", tracking).tags["logged_model"] == whole.model_id
    states = {item.model_id: item.status for item in client.search_logged_models([experiment])}
    assert states == {half.model_id: "FAILED", whole.model_id: "READY"}


def test_nothing_registered_is_pickled(tracking, run, saved):
    register(tracking, saved("a"), name="affekt", run_id=run)
    files = {path.name for path in (tracking.home / "mlartifacts").rglob("*") if path.is_file()}
    assert "pyfunc_model.py" in files
    assert not [name for name in files if name.endswith((".pkl", ".pickle"))]


@pytest.mark.parametrize("reference", ["affekt/2", "affekt@champion", "affekt", "models:/affekt/2"])
def test_a_reference_leads_to_the_files_of_that_version(four, reference):
    promote("affekt/2", four)
    assert (resolve(reference, four) / "members" / "weights").read_text() == "2"


def test_a_folder_is_itself(tracking, saved):
    folder = saved("a")
    assert resolve(folder, tracking) == folder
    assert resolve(str(folder), tracking) == folder


def test_a_folder_of_the_models_name_does_not_hide_the_model(four, tmp_path, monkeypatch):
    (tmp_path / "affekt").mkdir()
    monkeypatch.chdir(tmp_path)
    promote("affekt/3", four)
    assert (resolve("affekt", four) / "members" / "weights").read_text() == "3"


@pytest.mark.parametrize(
    ("reference", "code", "words"),
    [
        ("other", "unknown_model", "there is affekt; say affekt@champion"),
        ("affekt", "unknown_alias", "promote one with"),
        ("affekt@best", "unknown_alias", "affekt@challenger"),
        ("affekt/9", "unknown_version", "there are 4, 3, 2, 1"),
        ("./nowhere", "not_an_ensemble", "is no folder"),
        ("affekt/2/3", "not_an_ensemble", "expected"),
    ],
)
def test_a_wrong_reference_says_what_there_is(four, reference, code, words):
    with pytest.raises(AffektError) as raised:
        resolve(reference, four)
    assert raised.value.code == code
    assert words in str(raised.value)


def test_a_file_that_was_handed_on_is_told_how_it_gets_a_name(four, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    zipfile.ZipFile("affekt.zip", "w").close()
    with pytest.raises(DataError, match="affekt models import registers it"):
        resolve("affekt.zip", four)


def test_an_empty_registry_says_so(tracking):
    with pytest.raises(AffektError, match="none is registered yet"):
        resolve("affekt", tracking)


@pytest.mark.parametrize("name", ["a/b", "a@b", "", "a:b", "-a"])
def test_a_name_that_a_reference_could_not_say_is_refused(tracking, run, saved, name):
    with pytest.raises(AffektError) as raised:
        register(tracking, saved("a"), name=name, run_id=run)
    assert raised.value.code == "bad_name"


def test_a_folder_without_a_manifest_is_not_registered(tracking, run, tmp_path):
    with pytest.raises(DataError):
        register(tracking, tmp_path, name="affekt", run_id=run)
    assert list_models(tracking) == []


def test_files_that_were_changed_later_or_are_gone_are_noticed(tracking, run, saved):
    register(tracking, saved("a"), name="affekt", run_id=run)
    folder = resolve("affekt/1", tracking)
    (folder / "ensemble.json").write_text("{}")
    with pytest.raises(DataError, match="changed after it was registered"):
        resolve("affekt/1", tracking)
    shutil.rmtree(tracking.home / "mlartifacts")
    with pytest.raises(DataError, match="are gone"):
        resolve("affekt/1", tracking)


def test_promoting_remembers_the_champion_before(four):
    promote("affekt/1", four)
    assert aliases(four) == {"challenger": 4, "champion": 1}
    assert promote("affekt@challenger", four).version == 4
    assert aliases(four) == {"challenger": 4, "champion": 4, "previous": 1}


def test_going_back_twice_goes_back_two_champions(four):
    for number in (1, 3, 4):
        promote(f"affekt/{number}", four)
    assert rollback("affekt", four).version == 3
    assert aliases(four)["previous"] == 1
    assert rollback("affekt", four).version == 1
    assert "previous" not in aliases(four)
    with pytest.raises(AffektError) as raised:
        rollback("affekt", four)
    assert raised.value.code == "no_previous"
    assert aliases(four)["champion"] == 1


def test_promoting_the_champion_again_changes_nothing(four):
    promote("affekt/1", four)
    promote("affekt/2", four)
    promote("affekt/2", four)
    assert rollback("affekt", four).version == 1


def test_going_back_to_a_named_version(four):
    for number in (1, 2, 3):
        promote(f"affekt/{number}", four)
    assert rollback("affekt", four, to=1).version == 1
    # A version that never was champion is one from now on.
    assert rollback("affekt", four, to=4).version == 4
    assert aliases(four)["previous"] == 1
    with pytest.raises(AffektError) as raised:
        rollback("affekt", four, to=9)
    assert raised.value.code == "unknown_version"


def test_a_champion_that_was_deleted_is_skipped_on_the_way_back(four):
    for number in (1, 2, 3):
        promote(f"affekt/{number}", four)
    four.client.delete_model_version("affekt", "2")
    assert rollback("affekt", four).version == 1


def test_a_champion_set_in_mlflow_itself_counts(four):
    promote("affekt/1", four)
    four.client.set_registered_model_alias("affekt", "champion", "2")
    promote("affekt/3", four)
    assert rollback("affekt", four).version == 2


def test_the_same_model_is_no_second_version(tracking, run, saved, caplog):
    def model(text, weights, run_id):
        folder = saved(text)
        facts = {"code": "c1", "run": run_id}
        manifest = {"format": 1, "files": {"members/weights": weights}, "facts": facts}
        (folder / "ensemble.json").write_text(json.dumps(manifest))
        return folder

    caplog.set_level("INFO", "affekt")
    first = register(tracking, model("a", "1", "r1"), name="affekt", run_id=run)
    other = register(tracking, model("b", "2", "r2"), name="affekt", run_id=run)
    assert aliases(tracking) == {"challenger": other}
    assert register(tracking, model("c", "1", "r3"), name="affekt", run_id=run) == first
    assert "affekt/1 is this very model" in caplog.text
    assert [item.version for item in list_models(tracking)] == [2, 1]
    assert aliases(tracking) == {"challenger": first}
    assert register(tracking, model("d", "1", "r4"), name="another", run_id=run) == 1
    shutil.rmtree(resolve("affekt/1", tracking).parents[1])
    assert register(tracking, model("e", "1", "r5"), name="affekt", run_id=run) == 3
