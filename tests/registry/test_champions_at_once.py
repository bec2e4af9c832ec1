"""Several who want to make their version the champion at the same time, as processes of one machine."""

from __future__ import annotations

import dataclasses
import itertools
import multiprocessing
import random
import time

import pytest

from affekt.errors import AffektError
from affekt.registry import Tracking, list_models, promote, read_history
from affekt.registry.champions import CHANGED
from affekt.registry.lease import held


def gate(home, version):
    """What a gate does: look at the champion, evaluate (the higher version is the better one), take its place."""
    tracking = Tracking(home=home)
    while True:
        champion = tracking.client.get_registered_model("affekt").aliases.get("champion")
        before = int(champion) if champion else None
        time.sleep(random.uniform(0, 0.2))  # the evaluation; meanwhile another may have become champion
        if before is not None and before >= version:
            return
        try:
            promote(f"affekt/{version}", tracking, instead_of=before, action="gate")
            return
        except AffektError as error:
            assert error.code == CHANGED


@pytest.mark.parametrize(
    "gates", [2, pytest.param(5, marks=pytest.mark.slow), pytest.param(10, marks=pytest.mark.slow)]
)
def test_the_champion_is_always_one_that_beat_the_one_before(four, gates):
    for _ in range(4, gates):
        source = four.client.get_model_version("affekt", "1").source
        four.client.create_model_version("affekt", source=source)
    started = [multiprocessing.get_context("spawn").Process(target=gate, args=(four.home, n + 1)) for n in range(gates)]
    for each in started:
        each.start()
    for each in started:
        each.join()
    assert [each.exitcode for each in started] == [0] * gates
    history = read_history(four, "affekt")
    assert history[0].instead_of is None
    for before, after in itertools.pairwise(history):
        assert after.instead_of == before.version < after.version
    assert history[-1].version == gates
    assert [item.version for item in list_models(four) if "champion" in item.aliases] == [gates]


def test_who_was_compared_with_another_champion_changes_nothing(four):
    promote("affekt/1", four)
    promote("affekt/2", four)
    for compared_with in (1, None):
        with pytest.raises(AffektError, match="the champion is version 2") as caught:
            promote("affekt/3", four, instead_of=compared_with)
        assert caught.value.code == CHANGED
    assert [item.version for item in list_models(four) if "champion" in item.aliases] == [2]
    assert [entry.version for entry in read_history(four, "affekt")] == [1, 2]
    assert promote("affekt/3", four, instead_of=2).aliases == ("champion",)


def test_the_first_champion_takes_the_place_of_none(four):
    with pytest.raises(AffektError, match="the champion is none and not version 1"):
        promote("affekt/3", four, instead_of=1)
    assert promote("affekt/3", four, instead_of=None).aliases == ("champion",)


def test_a_lease_that_others_hold_all_the_time_is_an_error(four):
    with held(four, "affekt"), pytest.raises(AffektError) as caught, held(four, "affekt", patience=0.3):
        pass
    assert caught.value.code == "busy"
    with held(four, "other", patience=0):  # another model's is another
        pass


class OnAServer(Tracking):
    """A registry that cannot be locked by a file, as behind MLflow's server."""

    registry_folder = None


@pytest.fixture
def server(four, monkeypatch):
    monkeypatch.setattr("affekt.registry.lease.SETTLE", 0.05)
    return OnAServer(home=four.home)


def tag(tracking):
    return tracking.client.get_registered_model("affekt").tags.get("affekt.lease")


def test_on_a_server_the_lease_is_a_tag_while_the_champion_changes(server):
    with held(server, "affekt") as check:
        check()
        assert tag(server)
        with pytest.raises(AffektError, match="others are changing"), held(server, "affekt", patience=0.3):
            pass
        check()
    assert tag(server) is None
    assert promote("affekt/1", server).aliases == ("champion",)
    assert tag(server) is None


def test_a_lease_that_another_took_is_noticed_before_the_change(server):
    with held(server, "affekt") as check:
        server.client.set_registered_model_tag("affekt", "affekt.lease", "another")
        with pytest.raises(AffektError) as caught:
            check()
    assert caught.value.code == "lease_lost"
    assert tag(server) == "another"  # and it is not taken from them


def test_of_two_who_write_at_once_the_last_has_the_lease(server, monkeypatch):
    asked = server.client.set_registered_model_tag
    late = iter(["late"])

    def write(name, key, value):
        asked(name, key, value)
        if found := next(late, None):
            asked(name, key, found)

    monkeypatch.setattr(server.client, "set_registered_model_tag", write)
    with pytest.raises(AffektError, match="others are changing"), held(server, "affekt", patience=0.5):
        pass
    assert tag(server) == "late"


def test_the_lease_of_a_dead_process_is_taken_over(server, monkeypatch, caplog):
    monkeypatch.setattr("affekt.registry.lease.DEAD", 0.4)
    server.client.set_registered_model_tag("affekt", "affekt.lease", "of one who died")
    with held(server, "affekt", patience=20) as check:
        check()
    assert "taken for dead" in caplog.text


def test_the_history_says_who_when_why_and_instead_of_whom(four):
    promote("affekt/1", four, reason="the first that works", action="gate", run_id="r1")
    promote("affekt/2", four)
    first, second = read_history(four, "affekt")
    assert dataclasses.asdict(first) | {"when": "", "who": ""} == {
        "when": "", "who": "", "action": "gate", "version": 1, "instead_of": None,
        "reason": "the first that works", "run_id": "r1",
    }  # fmt: skip
    assert first.who and first.when.endswith("+00:00")
    assert (second.version, second.instead_of, second.action) == (2, 1, "promote")


def test_promoting_the_champion_again_is_no_entry(four):
    promote("affekt/1", four)
    promote("affekt/1", four)
    assert len(read_history(four, "affekt")) == 1


def test_going_back_is_one_more_entry(four):
    from affekt.registry import rollback

    for number in (1, 2):
        promote(f"affekt/{number}", four)
    rollback("affekt", four, reason="it answers nothing but fear")
    history = read_history(four, "affekt")
    assert [(entry.action, entry.version, entry.instead_of) for entry in history] == [
        ("promote", 1, None), ("promote", 2, 1), ("rollback", 1, 2)
    ]  # fmt: skip
    assert history[-1].reason == "it answers nothing but fear"


def test_a_champion_set_in_mlflow_itself_has_an_entry_once_it_is_replaced(four):
    promote("affekt/1", four)
    four.client.set_registered_model_alias("affekt", "champion", "2")
    promote("affekt/3", four)
    assert [(entry.action, entry.version, entry.instead_of) for entry in read_history(four, "affekt")] == [
        ("promote", 1, None), ("elsewhere", 2, 1), ("promote", 3, 2)
    ]  # fmt: skip


def test_a_reason_longer_than_a_tag_is_cut(four):
    promote("affekt/1", four, reason="x" * 9000)
    assert read_history(four, "affekt")[0].reason == "x" * 3000
