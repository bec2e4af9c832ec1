"""Versions at the door: trials, canary, shadow, and what is taken back, with an engine that says what it is told."""

from __future__ import annotations

import asyncio
import errno
import json
import shutil
import time
from pathlib import Path

import pytest
from starlette.requests import Request

from affekt.ensemble import Ensemble
from affekt.errors import AffektError
from affekt.pipelines.cli.deploy import name_beside
from affekt.serving.door import swap
from affekt.serving.door.desk import Desk
from affekt.serving.door.inbox import Inbox
from affekt.serving.door.metrics import Metrics
from affekt.serving.door.options import Options
from affekt.serving.door.refusal import Refusal
from affekt.serving.door.swap import Swaps
from affekt.serving.door.trial import Trial, ask_trials
from affekt.serving.door.versions import Versions
from affekt.serving.engines.engine import EngineError

ANSWER = {"label": "happy", "confidence": 0.75, "probabilities": {"happy": 0.75, "sad": 0.25}, "modalities": ["voice"]}


class Told:
    """An engine whose versions answer as they are told to."""

    def __init__(self, inbox):
        self.inbox, self.says, self.there = inbox, {}, []

    async def add(self, version, ensemble, workers):
        self.there.append(version)

    async def remove(self, version):
        self.there.remove(version)

    async def ask(self, version, task, seconds):
        await asyncio.sleep(0)
        assert version in self.there
        if task["clip"] == "":
            return 400, {"error": {"code": "bad_clip_name", "message": ""}}
        said = self.says.get(version, ANSWER)
        if isinstance(said, Exception):
            raise said
        return (400 if "error" in said else 200), said


@pytest.fixture
def scene(tmp_path, tiny_ensemble, monkeypatch):
    """A door with version 1, and what runs a scene with it."""
    monkeypatch.setattr(swap, "_LOOK", 0.01)
    inbox = tmp_path / "inbox"
    inbox.mkdir()

    def play(act, watch=30.0):
        async def whole():
            engine = Told(inbox)
            versions = Versions("affekt", engine, workers=2, room=8)
            await versions.add("1", tiny_ensemble)
            versions.default = "1"
            return await act(engine, versions, Swaps(versions, watch))

        found = asyncio.run(whole())
        assert list(inbox.iterdir()) == []
        return found

    return play


async def asked(versions, key="", version=None, request="", task=None):
    box = Inbox(versions.engine.inbox, 100)
    with box.writer() as writer:
        writer.write(b"clip")
        clip = writer.done()
    never = asyncio.create_task(asyncio.sleep(60))
    chosen = versions.named("affekt", version, key)
    try:
        return chosen.name, await versions.reply(chosen, clip, task or {}, never, {"id": request})
    except Exception as error:
        return chosen.name, error
    finally:
        never.cancel()


@pytest.fixture
def clip(tmp_path):
    path = tmp_path / "trial.mp4"
    path.write_bytes(b"trial")
    return path


@pytest.mark.parametrize(
    "said",
    [
        {"error": {"code": "unreadable", "message": ""}},
        {**ANSWER, "probabilities": {"happy": 0.74, "sad": 0.26}},
        {**ANSWER, "probabilities": {"happy": 0.75, "angry": 0.25}},
        EngineError("died", code="crashed"),
    ],
)
def test_a_version_that_answers_a_trial_otherwise_is_not_put_in_place(scene, tiny_ensemble, clip, said):
    async def act(engine, versions, swaps):
        engine.says["2"] = said
        with pytest.raises(AffektError):
            await swaps.replace("2", tiny_ensemble, [Trial(clip, ANSWER)])
        return versions.default, engine.there

    assert scene(act) == ("1", ["1"])


def test_a_clip_that_is_still_written_when_another_trial_fails_does_not_stay(scene, clip, monkeypatch):
    write = Path.write_bytes

    def slowly(path, data):
        time.sleep(0.3 * path.name.endswith("-1.clip"))
        return write(path, data)

    async def act(engine, versions, swaps):
        monkeypatch.setattr(Path, "write_bytes", slowly)
        trials = [Trial(clip, {"error": "unreadable"}), Trial(clip, ANSWER)]
        with pytest.raises(AffektError, match="expected"):
            await ask_trials(engine, versions.all["1"], trials, at_once=2)

    scene(act)


def test_a_version_that_answers_as_expected_is_and_the_old_one_goes_when_it_was_watched(scene, tiny_ensemble, clip):
    async def act(engine, versions, swaps):
        done = await swaps.replace("2", tiny_ensemble, [Trial(clip, ANSWER)])
        kept = list(engine.there)
        await asyncio.sleep(0.2)
        return done.replaced, versions.default, kept, engine.there

    assert scene(act, watch=0.05) == (("1",), "2", ["1", "2"], ["2"])


def test_a_version_that_fails_after_the_swap_is_taken_back_by_itself(scene, tiny_ensemble):
    async def act(engine, versions, swaps):
        await swaps.replace("2", tiny_ensemble)
        engine.says["2"] = EngineError("died", code="crashed")
        for _ in range(swap.FEWEST):
            await asked(versions)
        await asyncio.sleep(0.1)
        return versions.default, engine.there, swaps.status()["said"]

    assert scene(act) == ("1", ["1"], "version 2 was taken back: 10 of 10 attempts failed")


@pytest.mark.parametrize(("seconds", "outliers", "kept"), [(0.3, 0, "1"), (0.1, 0, "2"), (0.08, 4, "2")])
def test_a_version_that_is_slow_after_the_swap_is_taken_back_but_for_no_outliers_and_no_line(
    scene, tiny_ensemble, seconds, outliers, kept
):
    async def act(engine, versions, swaps):
        for _ in range(swap.FEWEST):
            versions.all["1"].tally.add(9.0, 0.08, failed=False)
        await swaps.replace("2", tiny_ensemble)
        for number in range(swap.FEWEST):
            versions.all["2"].tally.add(60.0, 20.0 if number < outliers else seconds, failed=False)
        await asyncio.sleep(0.05)
        return versions.default, swaps.status()["said"]

    default, said = scene(act)
    assert default == kept
    assert said == (
        "version 2 was taken back: an answer takes 0.30 s, and 0.08 s with version 1" if kept == "1" else ""
    )


def test_clips_that_cannot_be_used_are_no_fault_of_a_version(scene, tiny_ensemble):
    async def act(engine, versions, swaps):
        await swaps.replace("2", tiny_ensemble)
        engine.says["2"] = {"error": {"code": "unreadable", "message": ""}}
        for _ in range(2 * swap.FEWEST):
            await asked(versions)
        await asyncio.sleep(0.1)
        return versions.default

    assert scene(act) == "2"


def test_a_canary_gets_its_share_of_callers_who_stay_with_it(scene, tiny_ensemble):
    async def act(engine, versions, swaps):
        await swaps.beside("2", tiny_ensemble, [], percent=20, shadow=False)
        names = {key: {(await asked(versions, str(key)))[0] for _ in range(2)} for key in range(300)}
        done = await swaps.promote()
        return names, done.version, versions.default

    names, promoted, default = scene(act)
    assert all(len(found) == 1 for found in names.values())
    assert 30 <= sum(found == {"2"} for found in names.values()) <= 90
    assert (promoted, default) == ("2", "2")


def test_a_shadow_answers_nobody_and_is_compared(scene, tiny_ensemble):
    async def act(engine, versions, swaps):
        await swaps.beside("2", tiny_ensemble, [], percent=0, shadow=True)
        engine.says["2"] = {"label": "sad", "probabilities": {"happy": 0.25, "sad": 0.75}}
        said = [await asked(versions) for _ in range(3)]
        await asyncio.sleep(0.05)
        compared = swaps.status()["comparison"]
        gone = await swaps.abort()
        return said, compared, gone, engine.there

    said, compared, gone, there = scene(act)
    assert [name for name, _ in said] == ["1"] * 3
    assert all(document == (200, ANSWER) for _, document in said)
    assert compared == {"requests": 3, "agreement": 0.0, "mean_shift": 0.5, "largest_shift": 0.5, "passed_over": 0}
    assert (gone, there) == ("2", ["1"])


def told(metrics, *names):
    """The samples of some metrics of a door, by their labels, as the monitoring reads them."""
    lines = [line.rpartition(" ") for line in metrics.text().decode().splitlines()]
    return {sample: float(value) for sample, _, value in lines if sample.partition("{")[0] in names}


def test_what_versions_on_trial_say_is_told_to_the_monitoring(scene, tiny_ensemble):
    """By arm, model and error; of a shadow also the agreement, the shift and how long it took."""

    async def act(engine, versions, swaps):
        metrics = Metrics(versions)
        await swaps.beside("2", tiny_ensemble, [], percent=100, shadow=False)
        await asked(versions)
        engine.says["2"] = EngineError("its worker died", code="crashed")
        await asked(versions)
        await swaps.abort()
        await swaps.beside("3", tiny_ensemble, [], percent=0, shadow=True)
        engine.says["3"] = {"label": "sad", "probabilities": {"happy": 0.25, "sad": 0.75}}
        await asked(versions)
        await asyncio.sleep(0.05)
        engine.says["1"] = engine.says["3"] = {"error": {"code": "unreadable", "message": ""}}
        await asked(versions)
        await asyncio.sleep(0.05)
        await swaps.abort()
        return metrics, versions.all["1"].digest

    metrics, digest = scene(act)
    assert told(metrics, "affekt_outcomes_total") == {
        f'affekt_outcomes_total{{arm="{arm}",code="{code}",digest="{digest}",version="{version}"}}': 1.0
        for version, arm, code in [
            ("2", "canary", ""), ("2", "canary", "crashed"), ("1", "default", ""), ("1", "default", "unreadable"),
            ("3", "shadow", ""), ("3", "shadow", "unreadable"),
        ]
    }  # fmt: skip
    assert told(metrics, "affekt_work_seconds_count")['affekt_work_seconds_count{arm="shadow",version="3"}'] == 2
    assert told(
        metrics, "affekt_shadow_compared_total", "affekt_shadow_agreed_total", "affekt_shadow_shift_sum",
        "affekt_shadow_shift_count", "affekt_shadow_passed_over_total",
    ) == {
        "affekt_shadow_compared_total": 2, "affekt_shadow_agreed_total": 1, "affekt_shadow_shift_sum": 0.5,
        "affekt_shadow_shift_count": 1, "affekt_shadow_passed_over_total": 0,
    }  # fmt: skip


def test_a_disk_that_takes_no_copy_loses_the_comparison_and_no_answer(scene, tiny_ensemble, monkeypatch):
    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    async def act(engine, versions, swaps):
        await swaps.beside("2", tiny_ensemble, [], percent=0, shadow=True)
        monkeypatch.setattr(Path, "hardlink_to", full)
        said = [await asked(versions) for _ in range(2)]
        compared = swaps.status()["comparison"]
        await swaps.abort()
        return said, compared

    said, compared = scene(act)
    assert said == [("1", (200, ANSWER))] * 2
    assert (compared["requests"], compared["passed_over"]) == (0, 2)


def test_without_a_trial_there_is_nothing_to_promote(scene):
    async def act(engine, versions, swaps):
        with pytest.raises(AffektError) as raised:
            await swaps.promote()
        return raised.value.code

    assert scene(act) == "no_trial"


def test_a_change_that_is_refused_leaves_what_is_watched_watched(scene, tiny_ensemble):
    """Else the version before went at once, and a canary that fails stayed."""

    async def act(engine, versions, swaps):
        await swaps.replace("2", tiny_ensemble)
        for asked_for in (swaps.promote, lambda: swaps.replace("1", tiny_ensemble)):
            with pytest.raises(AffektError):
                await asked_for()
        kept = list(engine.there)
        engine.says["2"] = EngineError("died", code="crashed")
        for _ in range(swap.FEWEST):
            await asked(versions)
        await asyncio.sleep(0.1)
        return kept, versions.default, engine.there

    assert scene(act) == (["1", "2"], "1", ["1"])


@pytest.mark.parametrize("asked_for", ["replace", "beside"])
def test_a_canary_is_watched_on_where_another_version_is_refused(scene, tiny_ensemble, clip, asked_for):
    async def act(engine, versions, swaps):
        await swaps.beside("2", tiny_ensemble, [], percent=100, shadow=False)
        engine.says["3"] = {"error": {"code": "unreadable", "message": ""}}
        with pytest.raises(AffektError):
            if asked_for == "replace":
                await swaps.replace("3", tiny_ensemble, [Trial(clip, ANSWER)])
            else:
                await swaps.beside("3", tiny_ensemble, [], percent=50, shadow=False)
        engine.says["2"] = EngineError("died", code="crashed")
        for _ in range(swap.FEWEST):
            await asked(versions)
        await asyncio.sleep(0.1)
        return versions.canary, engine.there, swaps.status()["said"]

    assert scene(act) == ("", ["1"], "version 2 was taken back: 10 of 10 attempts failed")


def test_a_version_that_is_watched_is_taken_back_by_abort(scene, tiny_ensemble):
    async def act(engine, versions, swaps):
        await swaps.replace("2", tiny_ensemble)
        name = await swaps.abort()
        with pytest.raises(AffektError, match="no version is on trial"):
            await swaps.abort()
        return name, (await asked(versions))[0], engine.there

    assert scene(act) == ("2", "1", ["1"])


def test_a_version_that_is_on_its_way_out_goes_though_another_comes_and_its_name_is_free_then(scene, tiny_ensemble):
    async def act(engine, versions, swaps):
        await swaps.replace("2", tiny_ensemble)
        engine.says["2"] = EngineError("died", code="crashed")
        leaving = versions.all["2"]
        leaving.asked += 1  # a request that takes long
        for _ in range(swap.FEWEST):
            await asked(versions)
        while "2" in versions.all:
            await asyncio.sleep(0.01)
        await swaps.replace("3", tiny_ensemble)
        again = asyncio.create_task(swaps.replace("2", tiny_ensemble))
        await asyncio.sleep(0.1)
        waits = not again.done() and engine.there.count("2") == 1
        leaving.asked -= 1
        await again
        return waits, versions.default, sorted(engine.there), sorted(versions.all)

    assert scene(act) == (True, "2", ["2", "3"], ["2", "3"])


def test_each_shadow_is_compared_from_its_own_beginning(scene, tiny_ensemble):
    async def act(engine, versions, swaps):
        counts = []
        for name in ("2", "3"):
            await swaps.beside(name, tiny_ensemble, [], percent=0, shadow=True)
            await asked(versions)
            await asyncio.sleep(0.05)
            counts.append(swaps.status()["comparison"]["requests"])
            await swaps.abort()
        return counts

    assert scene(act) == [1, 1]


@pytest.mark.parametrize("quick", [{"error": {"code": "unreadable", "message": ""}}, "hung up", "timeline"])
def test_how_long_a_version_takes_is_that_of_plain_answers(scene, tiny_ensemble, quick):
    """Broken clips and callers who hang up before a swap, or timelines behind it, are no slower version."""

    async def act(engine, versions, swaps):
        tally = versions.all["1"].tally
        engine.says["1"] = quick if isinstance(quick, dict) else ANSWER
        if quick == "hung up":
            engine.says["1"] = {"error": {"code": "gone", "message": ""}}
        for _ in range(2 * swap.FEWEST):
            await asked(versions, task={"kind": "timeline"} if quick == "timeline" else {})
        return tally.count, tally.worked

    assert scene(act) == (20, [])


@pytest.mark.parametrize("name", ["", "..", "../2", "a/b", "2?x", "2 3", "2\n"])
def test_a_version_has_a_name_that_may_stand_in_an_address_and_in_a_file(scene, tiny_ensemble, name):
    async def act(engine, versions, swaps):
        with pytest.raises(AffektError) as raised:
            await swaps.replace(name, tiny_ensemble)
        return raised.value.code, engine.there, versions.default

    assert scene(act) == ("bad_name", ["1"], "1")


def test_another_model_under_a_name_that_was_taken_away_knows_nobody(scene, tiny_ensemble, tmp_path, monkeypatch):
    other = shutil.copytree(tiny_ensemble, tmp_path / "other")
    manifest = other / "ensemble.json"
    manifest.write_text(manifest.read_text() + "\n")
    shown = {"clips": 1, "said": {}, "rows": {}, "fused": None, "kinds": ["a"]}

    async def act(engine, versions, swaps):
        desk, known = Desk(Options("", ""), versions, Inbox(engine.inbox, 100)), []

        async def ask(version, task, seconds):
            known.append(task.get("person"))
            return (200, {**ANSWER, "person": shown}) if task["clip"] else (400, {"error": {"code": "bad_clip_name"}})

        monkeypatch.setattr(engine, "ask", ask)
        for folder in (tiny_ensemble, tiny_ensemble, other):
            await swaps.replace("2", folder)
            scope = {"type": "http", "state": {"note": {}}, "headers": [], "query_string": b""}
            with desk.inbox.writer() as writer:
                writer.write(b"clip")
                clip = writer.done()
            await desk.reply(Request(scope, receive=lambda: asyncio.sleep(60)), versions.all["2"], clip, {}, "ann")
            await swaps.abort()
        return [each for each in known if each is not None]

    assert scene(act) == [{}, shown, {}]


def attempts(*said):
    """A scene: the answers to requests that are sent under ids, as ``("id", "crashed")`` or ``("id", "")``."""

    async def act(engine, versions, swaps):
        for request, code in said:
            engine.says["1"] = EngineError("died", code=code) if code else ANSWER
            await asked(versions, request=request)
        return swaps.status()["versions"]["1"]

    return act


@pytest.mark.parametrize(
    ("said", "requests", "failed", "again"),
    [
        ([("a", "crashed"), ("a", "")], 1, 0, 1),
        ([("a", "crashed"), ("b", ""), ("a", "crashed"), ("a", "")], 2, 0, 2),
        ([("a", "crashed"), ("a", "crashed")], 1, 1, 1),
        ([("a", "crashed"), ("b", "")], 2, 1, 0),
        ([("a", ""), ("a", "")], 2, 0, 0),
        ([("", "crashed"), ("", "")], 2, 1, 0),
    ],
)
def test_a_request_that_is_answered_at_another_attempt_has_not_failed(scene, said, requests, failed, again):
    told = scene(attempts(*said))
    assert (told["requests"], told["failed"], told["again"]) == (requests, failed, again)


def test_a_version_that_answers_nobody_at_once_is_taken_back_though_every_request_is_answered_in_the_end(
    scene, tiny_ensemble
):
    async def act(engine, versions, swaps):
        await swaps.replace("2", tiny_ensemble)
        for number in range(swap.FEWEST // 2):
            for engine.says["2"] in (EngineError("died", code="crashed"), ANSWER):
                await asked(versions, request=str(number))
        await asyncio.sleep(0.1)
        return versions.default, swaps.status()["said"]

    assert scene(act) == ("1", "version 2 was taken back: 5 of 10 attempts failed")


def test_the_status_is_json(scene):
    async def act(engine, versions, swaps):
        await asked(versions)
        return json.loads(json.dumps(swaps.status()))

    assert scene(act)["versions"]["1"]["requests"] == 1


@pytest.mark.parametrize(("named", "said"), [(None, (200, ANSWER)), ("1", "no_version")])
def test_a_clip_that_arrives_while_its_version_is_taken_away_is_answered_by_the_next(scene, tiny_ensemble, named, said):
    async def act(engine, versions, swaps):
        desk = Desk(Options("", ""), versions, Inbox(engine.inbox, 100))
        parts = {"model": "affekt"} | ({"version": named} if named else {})
        scope = {"type": "http", "path_params": parts, "state": {"note": {}}, "headers": [], "query_string": b""}
        request = Request(scope, receive=lambda: asyncio.sleep(60))
        asked = desk.version_of(request)
        with desk.inbox.writer() as writer:
            writer.write(b"clip")
            for name in ("2", "3"):  # the second swap does not wait until the first was watched
                await swaps.replace(name, tiny_ensemble)
            clip = writer.done()
        try:
            return await desk.reply(request, asked, clip, {})
        except Refusal as error:
            return error.code

    assert scene(act) == said


def test_a_version_is_not_taken_away_before_it_has_answered(scene):
    async def act(engine, versions, swaps):
        work = asyncio.create_task(asked(versions))
        while not versions.all["1"].asked:
            await asyncio.sleep(0)
        await versions.remove("1")
        return work.done(), (await work)[1]

    assert scene(act) == (True, (200, ANSWER))


def test_each_version_tells_which_model_it_is(scene, tiny_ensemble):
    async def act(engine, versions, swaps):
        return swaps.status()["versions"]["1"]["digest"]

    assert scene(act) == Ensemble.digest_of(tiny_ensemble)


@pytest.mark.parametrize(
    ("number", "digest", "name"), [("2", "b", "2"), ("1", "b", "other-1"), ("2", "a", None), ("1", "a", None)]
)
def test_another_model_with_a_number_that_is_taken_is_called_by_its_name_too(number, digest, name):
    status = {"versions": {"1": {"digest": "a"}}, "default": "1", "canary": "", "shadow": ""}
    if name:
        assert name_beside(status, number, "other", digest, "http://here") == name
        return
    with pytest.raises(AffektError, match="version 1 is there already, and answers"):
        name_beside(status, number, "other", digest, "http://here")
