"""The handler, in TorchServe's own context objects: each request of a batch gets its own answer or its own error."""

from __future__ import annotations

import ast
import json
import os
import shutil
import tempfile
import threading
from pathlib import Path

import pytest
from ts.context import Context, RequestProcessor

from affekt.ensemble import Ensemble
from affekt.errors import DataError, MediaError
from affekt.serving import handler as handler_module
from affekt.serving.behind import behind
from affekt.serving.handler import EmotionHandler


def context_of(folder: Path, requests: int) -> Context:
    manifest = {"model": {"modelName": "affekt", "modelVersion": "7"}}
    context = Context("affekt", str(folder), manifest, 1, None, "0.12.0")
    context.request_processor = [RequestProcessor({}) for _ in range(requests)]
    return context


@pytest.fixture(scope="module")
def handler(tiny_ensemble, tmp_path_factory):
    folder = tmp_path_factory.mktemp("shm")
    before = os.environ.get("AFFEKT_CLIP_FOLDER")
    os.environ["AFFEKT_CLIP_FOLDER"] = str(folder)
    made = EmotionHandler()
    made.initialize(context_of(tiny_ensemble, 0))
    yield made
    os.environ.pop("AFFEKT_CLIP_FOLDER")
    if before:
        os.environ["AFFEKT_CLIP_FOLDER"] = before
    assert not list(folder.iterdir()), "clips were left behind"


def ask(handler, *rows):
    context = context_of(Path(), len(rows))
    answers = handler.handle(list(rows), context)
    statuses = [context.get_response_status(position)[0] for position in range(len(rows))]
    return list(zip(statuses, [json.loads(answer) for answer in answers], strict=True))


@pytest.mark.parametrize("beside", [True, False])
def test_a_version_that_is_loaded_beside_another_lets_that_go_first(tiny_ensemble, tmp_path, monkeypatch, beside):
    done = []

    def noted(work):
        done.append(made := behind(work))
        return made

    monkeypatch.setattr("affekt.serving.behind.behind", noted)
    monkeypatch.setattr("affekt.serving.predictor.behind", noted)
    if beside:
        (tmp_path / "beside").touch()
    monkeypatch.setenv("AFFEKT_BESIDE", str(tmp_path / "beside"))
    EmotionHandler().initialize(context_of(tiny_ensemble, 0))
    assert [getattr(each, "__name__", type(each).__name__) for each in done] == (["Ensemble"] if beside else [])


@pytest.mark.parametrize("field", ["body", "data", "file"])
def test_a_clip_is_taken_as_the_body_or_as_a_field_of_a_form(handler, tiny_ensemble, clip, field):
    expected = Ensemble.load(tiny_ensemble)
    [(status, document)] = ask(handler, {field: bytearray(clip.read_bytes())})
    assert status == 200
    model = document.pop("model")
    assert document == expected.predict_file(clip).to_dict()
    assert model == {"name": "affekt", "version": "7", "digest": expected.digest}


@pytest.mark.parametrize("field", ["body", "data"])
def test_further_fields_beside_the_clip_do_not_matter(handler, clip, field):
    [(status, _)] = ask(handler, {"note": b"from the left", field: bytearray(clip.read_bytes())})
    assert status == 200


def test_one_bad_clip_does_not_fail_its_batch_mates(handler, clip):
    good = {"body": bytearray(clip.read_bytes())}
    answers = ask(handler, good, {"body": bytearray(b"no clip")}, good)
    assert [status for status, _ in answers] == [200, 400, 200]
    assert set(answers[1][1]["error"]) == {"code", "message"}
    assert answers[0] == answers[2]


def test_a_fault_of_the_server_is_the_fault_of_one_request(handler, clip, monkeypatch, caplog):
    good = {"body": bytearray(clip.read_bytes())}
    answer = handler._predictor.ensemble.predict_file

    def fails_once(path):
        if path.read_bytes() == b"unlucky":
            raise RuntimeError("CUDA error in secret_function")
        return answer(path)

    monkeypatch.setattr(handler._predictor.ensemble, "predict_file", fails_once)
    answers = ask(handler, {"body": bytearray(b"unlucky")}, good)
    assert [status for status, _ in answers] == [500, 200]
    assert "the server failed" in answers[0][1]["error"]["message"]
    # The cause is for the log, not for whoever asked.
    assert "secret_function" not in json.dumps(answers[0][1])
    assert "secret_function" in caplog.text


def test_an_answer_that_json_cannot_hold_is_a_fault_of_one_request(handler, clip, monkeypatch):
    answer = handler._predictor.ensemble.predict_file

    class Strange:
        def to_dict(self):
            return {"probabilities": {"angry": float("nan")}}

    monkeypatch.setattr(
        handler._predictor.ensemble,
        "predict_file",
        lambda path: Strange() if path.read_bytes() == b"strange" else answer(path),
    )
    answers = ask(handler, {"body": bytearray(b"strange")}, {"body": bytearray(clip.read_bytes())})
    assert [status for status, _ in answers] == [500, 200]
    assert answers[0][1]["error"]["code"] == "internal"


@pytest.mark.parametrize(
    "row",
    [
        {},
        {"body": bytearray()},
        {"body": {"clip": "x"}},
        {"body": "text"},
        {"a": bytearray(b"1"), "b": bytearray(b"2")},
    ],
)
def test_a_request_without_exactly_one_clip_says_what_is_expected(handler, row):
    [(status, document)] = ask(handler, row)
    assert status == 400
    assert document["error"]["code"] == "no_clip"
    assert "form field 'data'" in document["error"]["message"]


def test_a_clip_over_the_limit_is_413_and_not_decoded(handler, monkeypatch):
    monkeypatch.setattr(handler, "_max_bytes", 10)
    monkeypatch.setattr(handler._predictor.ensemble, "predict_file", lambda path: pytest.fail("it was decoded"))
    [(status, document)] = ask(handler, {"body": bytearray(1200)})
    assert (status, document["error"]["code"]) == (413, "too_large")
    assert "1,200 bytes" in document["error"]["message"] and "at most 10 " in document["error"]["message"]


def test_a_clip_of_just_the_limit_is_taken(handler, clip, monkeypatch):
    content = bytearray(clip.read_bytes())
    monkeypatch.setattr(handler, "_max_bytes", len(content))
    assert [status for status, _ in ask(handler, {"body": content})] == [200]


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        (MediaError("more bytes than allowed", code="too_large"), 413, "too_large"),
        (MediaError("longer than allowed", code="too_long"), 413, "too_long"),
        (MediaError("more pixels than allowed", code="too_many_pixels"), 413, "too_many_pixels"),
        (MediaError("more time than allowed", code="timeout"), 413, "timeout"),
        (MediaError("neither face nor voice", code="nothing_usable"), 400, "nothing_usable"),
        (DataError("no clip", code="unreadable"), 400, "unreadable"),
        (MemoryError(), 507, "out_of_memory"),
    ],
)
def test_a_refused_clip_has_the_status_of_its_reason(handler, monkeypatch, error, status, code):
    def refuse(path):
        raise error

    monkeypatch.setattr(handler._predictor.ensemble, "predict_file", refuse)
    context = context_of(Path(), 1)
    document = json.loads(handler.handle([{"body": bytearray(b"clip")}], context)[0])
    assert context.get_response_status(0) == (status, code)
    assert document["error"]["code"] == code
    assert getattr(error, "message", "too little memory") in document["error"]["message"]
    assert context.get_response_content_type(0) == "application/json"


def test_a_clip_is_a_file_until_it_is_answered(handler, monkeypatch):
    folder = Path(os.environ["AFFEKT_CLIP_FOLDER"])
    seen = []

    def look(path):
        seen.append((path.read_bytes(), list(folder.glob("affekt-clip-*")) == [path]))
        raise DataError("no answer", code="unreadable")

    monkeypatch.setattr(handler._predictor.ensemble, "predict_file", look)
    ask(handler, {"body": bytearray(b"one")}, {"data": b"two"})
    assert seen == [(b"one", True), (b"two", True)]
    assert not list(folder.iterdir())


def test_a_clip_that_was_removed_meanwhile_has_its_answer(handler, clip, monkeypatch):
    answer = handler._predictor.ensemble.predict_file

    def remove(path):
        found = answer(path)
        path.unlink()
        return found

    monkeypatch.setattr(handler._predictor.ensemble, "predict_file", remove)
    assert [status for status, _ in ask(handler, {"body": bytearray(clip.read_bytes())})] == [200]


def test_clips_are_kept_in_memory_unless_a_folder_is_named(monkeypatch, tmp_path):
    monkeypatch.delenv("AFFEKT_CLIP_FOLDER", raising=False)
    assert handler_module._clip_folder() == Path("/dev/shm")
    monkeypatch.setenv("AFFEKT_CLIP_FOLDER", str(tmp_path))
    assert handler_module._clip_folder() == tmp_path


def test_clips_go_where_there_is_room(handler, monkeypatch, tmp_path):
    full = tmp_path / "full"
    monkeypatch.setenv("AFFEKT_CLIP_FOLDER", str(full))  # not there
    assert handler_module._folder_with_room(10) != full
    full.mkdir()
    assert handler_module._folder_with_room(10) == full
    assert handler_module._folder_with_room(10**18) != full
    assert handler_module._folder_with_room(shutil.disk_usage(full).free * 2 // 5) == full  # half would be too much


@pytest.fixture
def behind_the_door(tiny_ensemble, clip, monkeypatch, tmp_path):
    """A handler with a secret and a folder of clips, in which there is one."""
    secret, inbox = tmp_path / "secret", tmp_path / "inbox"
    secret.write_text("word")
    inbox.mkdir()
    (inbox / "a.clip").write_bytes(clip.read_bytes())
    (inbox / "link.clip").symlink_to(clip)
    (tmp_path / "outside.clip").write_bytes(clip.read_bytes())
    monkeypatch.setenv(handler_module.SECRET, str(secret))
    monkeypatch.setenv(handler_module.INBOX, str(inbox))
    made = EmotionHandler()
    made.initialize(context_of(tiny_ensemble, 0))
    return made


def told(handler, secret, task):
    [answer] = ask(handler, {"body": bytearray(json.dumps({"secret": secret, "task": task}).encode())})
    return answer


def test_the_door_is_answered_about_a_clip_that_it_names(behind_the_door, tiny_ensemble, clip):
    status, document = told(behind_the_door, "word", {"clip": "a.clip"})
    assert status == 200
    del document["model"]
    assert all(seconds >= 0 for seconds in document.pop("timings").values())
    assert document == Ensemble.load(tiny_ensemble).predict_file(clip).to_dict()


@pytest.mark.parametrize("name", ["../outside.clip", "link.clip", ".", "..", "", None, 7, "/etc/passwd", "a.clip/../a"])
def test_no_other_file_is_read(behind_the_door, name):
    status, document = told(behind_the_door, "word", {"clip": name})
    assert (status, document["error"]["code"]) == (400, "bad_clip_name")


def test_a_clip_that_is_gone_is_not_answered(behind_the_door):
    status, document = told(behind_the_door, "word", {"clip": "b.clip"})
    assert (status, document["error"]["code"]) == (400, "gone")


@pytest.mark.parametrize("error", [FileNotFoundError("a.clip"), MediaError("cannot be read", code="unreadable")])
def test_a_clip_that_goes_while_it_is_looked_at_is_no_fault_of_anybody(behind_the_door, monkeypatch, error):
    def taken_away(ensemble, clip, deadline):
        clip.unlink()
        raise error

    monkeypatch.setattr(Ensemble, "predict_file", taken_away)
    status, document = told(behind_the_door, "word", {"clip": "a.clip"})
    assert (status, document["error"]["code"]) == (400, "gone")


@pytest.mark.parametrize("secret", ["", "Word", "wörd"])
def test_nobody_but_the_door_is_answered(behind_the_door, clip, secret):
    status, document = told(behind_the_door, secret, {"clip": "a.clip"})
    assert (status, document["error"]["code"]) == (403, "not_the_door")
    assert "its door" in document["error"]["message"]
    assert ask(behind_the_door, {"body": bytearray(clip.read_bytes())})[0][0] == 403


def test_temporary_files_of_a_worker_lie_in_the_folder_that_it_is_confined_to(tiny_ensemble, monkeypatch, tmp_path):
    monkeypatch.setattr(tempfile, "tempdir", tempfile.gettempdir())
    monkeypatch.setenv(handler_module.SCRATCH, str(tmp_path))
    worker = threading.Thread(target=EmotionHandler().initialize, args=[context_of(tiny_ensemble, 0)])
    worker.start()  # a thread of its own: its rights do not come back
    worker.join()
    assert tempfile.gettempdir() == str(tmp_path)


def test_an_archive_has_the_ensemble_in_a_folder_and_its_name_and_version_are_answered(tiny_ensemble, clip, tmp_path):
    (tmp_path / "ensemble").symlink_to(tiny_ensemble)
    made = EmotionHandler()
    context = context_of(tmp_path, 0)
    made.initialize(context)
    most = Ensemble.load(tiny_ensemble).settings.media.max_bytes
    rows = [{"body": bytearray(clip.read_bytes())}, {"body": bytearray(b"no clip")}, {"body": bytearray(most + 1)}]
    answers = ask(made, *rows)
    assert [status for status, _ in answers] == [200, 400, 413]
    assert answers[0][1]["model"] == {"name": "affekt", "version": "7", "digest": Ensemble.digest_of(tiny_ensemble)}


@pytest.mark.parametrize("manifest", [None, {}, {"model": None}, {"model": {}}])
def test_an_archive_that_names_no_version_is_served_without(tiny_ensemble, clip, manifest):
    context = Context("mine", str(tiny_ensemble), manifest, 1, None, "0.12.0")
    made = EmotionHandler()
    made.initialize(context)
    [(status, document)] = ask(made, {"body": bytearray(clip.read_bytes())})
    assert (status, document["model"]["name"], document["model"]["version"]) == (200, "mine", "")


def test_the_handler_imports_nothing_of_affekt_before_it_is_initialized():
    # TorchServe hides an ImportError at that point behind "no module named ts.torch_handler.handler".
    tree = ast.parse(Path(handler_module.__file__).read_text(encoding="utf-8"))
    modules = {name.name for node in tree.body if isinstance(node, ast.Import) for name in node.names}
    modules |= {str(node.module) for node in tree.body if isinstance(node, ast.ImportFrom)}
    assert not [name for name in modules if name.split(".")[0] in ("affekt", "serving", "torch")]
