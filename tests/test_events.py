"""Events between processes: what is written is read again, and nothing else is taken for an event."""

from __future__ import annotations

import io
import json
import logging
import math
import random

import pytest

from affekt import events
from affekt.errors import AffektError, DataError, MediaError, SettingsError, as_affekt_error
from affekt.progress import Progress

EVENTS: dict[str, events.Event] = {
    "text": events.Text("21 clips", logging.WARNING, "affekt.store", "ingest"),
    "text in the languages of people": events.Text("fünf Clips, 五段 🙂\nzweite Zeile", step="prepare[0/2]"),
    "text that quotes an event": events.Text('{"affekt": "done", "seconds": 1, "result": {}, "step": "x"}'),
    "a file name that is no text": events.Text(b"caf\xe9.mp4".decode("utf-8", "surrogateescape")),
    "progress": events.Progress("train", 3, 10, "iteration", 1.5, 4.7, "loss 0.3", "vgg"),
    "progress at its start": events.Progress("train", 0, 10, "iteration", 0.0),
    "metrics": events.Metrics({"loss": 0.5, "affekt": 1.0}, 7),
    "done": events.Done(3.25, step="gate"),
    "done with a result": events.Done(0.1, {"affekt": "text", "flags": ["silent"], "key": None}),
    "error": events.Error("DataError", "no_clips", "holds no clip", "/a b/ü", "ingest"),
    "error of no place": events.Error("KeyError", "internal", "KeyError: 'x'"),
}


def line(event: events.Event) -> str:
    stream = io.StringIO()
    events.write(event, stream)
    return stream.getvalue()


@pytest.mark.parametrize("event", EVENTS.values(), ids=EVENTS)
def test_an_event_is_one_line_of_ascii_and_comes_back(event):
    assert line(event).isascii() and line(event).count("\n") == 1 and line(event).endswith("\n")
    assert events.read(line(event)) == event


@pytest.mark.parametrize(
    "before",
    ["    ", "\t", " 50%|#####     | 5/10\r", '{"affekt": "text", "te', '{"affekt": {"affekt": ', "{[\x00\x1b[31m"],
)
def test_an_event_is_found_behind_what_others_wrote(before):
    assert events.read(before + line(EVENTS["error"])) == EVENTS["error"]


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_figures_that_are_not_finite_come_back_and_stay_json(value):
    written = line(events.Metrics({"loss": value}))
    json.loads(written, parse_constant=lambda name: pytest.fail(name))
    found = events.read(written)
    assert isinstance(found, events.Metrics)
    assert str(found.values["loss"]) == str(value)


GOOD = {"affekt": "done", "seconds": 1.0, "result": {}, "step": "x"}
TEXT = {"affekt": "text", "text": "a", "level": 20, "logger": "affekt", "step": "x"}
FAR = {
    "affekt": "progress",
    "label": "a",
    "done": 1,
    "total": 2,
    "unit": "b",
    "rate": 1,
    "left": 1,
    "note": "",
    "step": "",
}
NO_EVENTS = {
    "nothing": "",
    "prose": "affekt: vgg: done in 3.0 s",
    "another program's JSON": '{"level": "info", "text": "hello"}',
    "half of it": json.dumps(GOOD)[:-9],
    "more behind it": json.dumps(GOOD) + " and more",
    "an unknown kind": json.dumps({**GOOD, "affekt": "finished"}),
    "a kind that is no word": json.dumps({**GOOD, "affekt": ["done"]}),
    "no step": json.dumps({"affekt": "done", "seconds": 1.0, "result": {}}),
    "a step that is no text": json.dumps({**GOOD, "step": 3}),
    "seconds as text": json.dumps({**GOOD, "seconds": "1"}),
    "true seconds": json.dumps({**GOOD, "seconds": True}),
    "seconds without end": '{"affekt": "done", "seconds": Infinity, "result": {}, "step": "x"}',
    "seconds beyond floats": '{"affekt": "done", "seconds": 1e999, "result": {}, "step": "x"}',
    "a number of a million digits": '{"affekt": "done", "seconds": ' + "9" * 10**6 + ', "result": {}, "step": "x"}',
    "a result that is a list": json.dumps({**GOOD, "result": [1]}),
    "a level of three quarters": json.dumps({**TEXT, "level": 0.75}),
    "text that is null": json.dumps({**TEXT, "text": None}),
    "progress of true": json.dumps({**FAR, "done": True}),
    "metrics that are a list": '{"affekt": "metrics", "values": [1], "iteration": 1, "step": ""}',
    "a metric that is text": '{"affekt": "metrics", "values": {"loss": "low"}, "iteration": 1, "step": ""}',
    "a metric that is a list": '{"affekt": "metrics", "values": {"loss": []}, "iteration": 1, "step": ""}',
    "an error without a message": '{"affekt": "error", "kind": "E", "code": "c", "where": null, "step": ""}',
    "an abyss": '{"affekt": ' * 100_000,
    "an abyss of lists": '{"affekt": ' + "[" * 100_000,
    "null bytes": "\0" * 100,
}


@pytest.mark.parametrize("text", NO_EVENTS.values(), ids=NO_EVENTS)
def test_what_is_no_event_is_left_alone(text):
    assert events.read(text) is None


def test_no_damage_to_a_line_is_an_error():
    generator, found = random.Random(0), 0
    whole = line(EVENTS["progress"])
    for _ in range(3000):
        damaged = list(whole)
        for _ in range(generator.randint(1, 4)):
            damaged[generator.randrange(len(damaged))] = generator.choice('{}[]",:0123456789abtfn\\\x00é')
        found += events.read("".join(damaged)) is not None
    assert found < 3000


def test_what_a_newer_version_adds_is_passed_over():
    assert events.read(json.dumps({**GOOD, "colour": "red"})) == events.Done(1.0, step="x")


ERRORS = {
    "a data error": DataError("holds no clip", code="no_clips", where="/a/b.csv:3"),
    "a media error": MediaError("is empty", code="empty"),
    "settings": SettingsError(["vgg.iterations is -1", "colour is no setting:\n    try one of these"]),
    "any": AffektError("went wrong", code="process_died", where="here"),
}


@pytest.mark.parametrize("error", ERRORS.values(), ids=ERRORS)
def test_an_error_keeps_kind_code_place_and_message_over_a_process_border(error):
    found = events.read(line(events.Error.of(error, "vgg")))
    assert isinstance(found, events.Error)
    again = found.to_exception()
    assert type(again) is type(error)
    assert (again.message, again.code, again.where) == (error.message, error.code, error.where)
    assert getattr(again, "problems", None) == getattr(error, "problems", None)


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (PermissionError(13, "Permission denied", "/a"), "no_permission"),
        (OSError(28, "No space left on device"), "disk_full"),
        (MemoryError(), "no_memory"),
        (KeyboardInterrupt(), "interrupted"),
        (SystemExit(143), "stopped"),
        (KeyError("x"), "internal"),
    ],
)
def test_an_exception_of_python_gets_a_code(error, code):
    event = events.Error.of(error)
    assert (event.kind, event.code) == (type(error).__name__, code)
    assert type(event.to_exception()) is AffektError
    assert event.stopped == (code == "stopped")


def test_an_error_of_the_system_names_path_and_remedy():
    found = as_affekt_error(IsADirectoryError(21, "Is a directory", b"/a/\xff"))
    assert (found.where, found.message) == ("/a/\udcff", "is a folder; name a file")


def test_log_records_become_events_of_their_step():
    stream, log = io.StringIO(), logging.getLogger("tests.events")
    log.addHandler(events.EventHandler(stream, "vgg"))
    log.propagate = False
    log.warning("%d clips", 3)
    try:
        raise ValueError("odd")
    except ValueError:
        log.exception("broken")
    first, second = map(events.read, stream.getvalue().splitlines())
    assert first == events.Text("3 clips", logging.WARNING, "tests.events", "vgg")
    assert isinstance(second, events.Text) and second.text.endswith("ValueError: odd")


def test_progress_is_an_event_where_somebody_listens_and_a_line_elsewhere(monkeypatch, caplog):
    monkeypatch.setenv(events.LISTENED, "1")
    monkeypatch.setattr("affekt.progress.EVENT_INTERVAL", 0.0)
    stream, log = io.StringIO(), logging.getLogger("affekt.progress")
    handler = events.EventHandler(stream, "vgg")
    log.addHandler(handler)
    try:
        with caplog.at_level(logging.INFO), Progress("train", 4, "batch") as progress:
            progress.advance(3, "loss 0.1")
    finally:
        log.removeHandler(handler)
    event = events.read(stream.getvalue())
    assert isinstance(event, events.Progress)
    assert (event.label, event.done, event.total, event.unit, event.note, event.step) == (
        "train", 3, 4, "batch", "loss 0.1", "vgg",
    )  # fmt: skip
    assert caplog.messages[0].startswith("train: 3 of 4 (")


@pytest.mark.parametrize(
    ("event", "text"),
    [
        (EVENTS["text"], "affekt: ingest: 21 clips"),
        (EVENTS["progress"], "affekt: vgg: train: 3 of 10 (1.5 iteration/s, about 5 s left), loss 0.3"),
        (EVENTS["metrics"], "affekt: 7: loss 0.5, affekt 1"),
        (EVENTS["done"], "affekt: gate: done in 3.2 s"),
        (EVENTS["error"], "affekt: ingest: failed: /a b/ü: holds no clip [no_clips]"),
        (events.Error.of(SystemExit(143), "vgg"), "affekt: vgg: stopped"),
    ],
)
def test_a_person_reads_an_event_as_a_line(event, text):
    assert events.plain(event) == text
