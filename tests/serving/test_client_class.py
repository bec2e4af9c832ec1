"""The client, against a real door: typed answers, many at once, progress, errors in their places."""

from __future__ import annotations

import asyncio
import os

import pytest

from affekt.client import AsyncClient, Client, Prediction
from affekt.errors import AffektError, DataError, MediaError
from affekt.scoring import ByServer
from affekt.storage import open_local


def test_answers_are_typed_and_told_how_far_they_are(door, sample_clips):
    clip = sorted(sample_clips.rglob("*.mp4"))[0]
    told = []
    with Client(door.base) as client:
        answer = client.predict(clip, progress=lambda sent, size: told.append((sent, size)))
        assert client.predict(clip.read_bytes()) == answer or answer.label
        assert client.ready() and client.versions()[0]["version"] == "7"
    assert isinstance(answer, Prediction)
    assert answer.confidence == answer.probabilities[answer.label]
    assert (answer.model["version"], len(answer.request_id)) == ("7", 32)
    assert told[-1] == (clip.stat().st_size, clip.stat().st_size)


def test_many_are_answered_in_order_and_an_error_stays_in_its_place(door, tmp_path):
    bad = tmp_path / "bad.mp4"
    bad.write_bytes(b"no clip")
    given = [bad, tmp_path / "none.mp4", b"no clip", "s3://theirs/clip.mp4", b"", tmp_path / ("x" * 300)]
    codes = ["unreadable", "missing", "unreadable", "bucket_not_allowed", "empty", "name_too_long"]

    async def all_of_them():
        async with AsyncClient(door.base) as client:
            return [found.code async for found in client.predict_many(given)]

    with Client(door.base) as client:
        assert [found.code for found in client.predict_many(given)] == codes
    assert asyncio.run(all_of_them()) == codes


def test_clips_are_taken_as_they_are_needed(door):
    taken = []

    async def taken_at_the_first_answer():
        async with AsyncClient(door.base, at_once=1) as client:
            assert await client.ready() and (await client.versions())[0]["version"] == "7"
            found = client.predict_many(taken.append(number) or b"no clip" for number in range(50))
            assert (await anext(found)).code == "unreadable"
            await found.aclose()
            return len(taken)

    assert asyncio.run(taken_at_the_first_answer()) == 3


def test_a_server_that_is_not_there_says_so(tmp_path):
    clip = tmp_path / "clip.mp4"
    clip.write_bytes(b"clip")
    with Client("127.0.0.1:1") as client:
        assert not client.ready()
        with pytest.raises(AffektError, match="affekt serve"):
            client.predict(clip)
        with pytest.raises(MediaError):
            client.predict(tmp_path / "none.mp4")


def test_what_is_no_file_is_called_so_and_not_absent(tmp_path):
    pipe = tmp_path / "pipe.mp4"
    os.mkfifo(pipe)
    with Client("127.0.0.1:1") as client:
        for there in (pipe, tmp_path):
            with pytest.raises(MediaError, match="is not a regular file") as raised:
                client.predict(there)
            assert raised.value.code == "missing"
    (found,) = ByServer("127.0.0.1:1").answers([str(pipe)])
    assert (found.code, found.message) == ("missing", "is not a regular file; expected a media file")
    with pytest.raises(DataError, match="is not a regular file"), open_local(pipe):
        pass


def test_known_labels_go_with_the_clip(door, clip):
    async def awaited(known):
        async with AsyncClient(door.base) as client:
            return await client.predict(clip, labels=known)

    with Client(door.base) as client:
        known = tuple(client.predict(clip).probabilities)[1:3]
        for answer in (client.predict(clip, labels=known), asyncio.run(awaited(known))):
            assert answer.known_labels == known and answer.label in known
        assert client.document(clip, labels=known)["known_labels"] == list(known)
        (many,) = client.predict_many([clip], labels=known)
        assert isinstance(many, Prediction) and many.known_labels == known
        assert [client.predict(clip, person="c-1").earlier_clips, answer.earlier_clips] == [0, None]
        window = client.timeline(clip, labels=known)["windows"][0]
        assert window["label"] in known
