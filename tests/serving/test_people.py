"""What is known of people is bounded in number and age, belongs to a caller and a version, and holds no clip."""

from __future__ import annotations

import asyncio
import time
from types import SimpleNamespace

import numpy as np
import pytest

from affekt.ensemble.earlier import Earlier
from affekt.serving.door.people import People, word_of
from affekt.serving.door.refusal import Refusal


def shown(value: float):
    seen = SimpleNamespace(scores=np.array([[0.3, 0.7]]), rows={"svc": np.array([value, 1.0])})
    return Earlier.of(seen, ["svc"], seen.scores[0]).to_dict()  # type: ignore[arg-type]


def run(check) -> None:
    async def inside():
        check()

    asyncio.run(inside())


def test_clips_of_a_person_are_counted_and_summed_and_not_kept():
    def check():
        people = People(2, 60)
        key = people.key("ann", "caller", "7")
        assert people.shown(key) == {}
        for value in (1.0, 2.0, 6.0):
            people.add(key, shown(value))
        known = people.shown(key)
        assert known["clips"] == 3 and set(known) == {"clips", "said", "rows", "fused", "kinds"}
        moments = Earlier.from_dict(known).rows["svc"]
        assert (moments.count, moments.mean.tolist()) == (3, [3.0, 1.0])
        np.testing.assert_allclose(moments.variance, [14 / 3, 0], atol=1e-12)

    run(check)


def test_beyond_the_number_the_one_longest_not_asked_about_is_forgotten():
    def check():
        people = People(2, 60)
        for word in "abac":
            people.add(people.key(word, "", "7"), shown(1.0))
        assert [bool(people.shown(people.key(word, "", "7"))) for word in "abc"] == [True, False, True]

    run(check)


def test_room_is_taken_from_the_caller_who_has_the_most():
    def check():
        people = People(3, 60)
        keys = {word: people.key(word, caller, "7") for word, caller in ("ax", "by", "cy", "dy", "ez")}
        for word in "abcd":
            people.add(keys[word], shown(1.0))
        assert [bool(people.shown(keys[word])) for word in "abcd"] == [True, False, True, True]
        people.add(keys["e"], shown(1.0))
        assert [bool(people.shown(keys[word])) for word in "acde"] == [True, False, True, True]

    run(check)


def test_a_clip_that_two_workers_answered_at_once_counts_once():
    def check():
        people = People(2, 60)
        key = people.key("ann", "caller", "7")
        for value in (1.0, 2.0, 1.0):
            people.add(key, shown(value))
        assert people.shown(key)["clips"] == 2

    run(check)


def test_after_their_time_people_are_forgotten_though_nobody_asks():
    async def check():
        people = People(5, 0.05)
        people.add(people.key("ann", "", "7"), shown(1.0))
        assert len(people) == 1
        waited = time.monotonic()
        while len(people) and time.monotonic() - waited < 10:
            await asyncio.sleep(0.02)
        assert len(people) == 0

    asyncio.run(check())


def test_a_word_means_somebody_else_for_each_caller_and_each_version():
    people = People(5, 60)
    asked = [("ann", "a", "7"), ("ann", "b", "7"), ("ann", "a", "8"), ("bea", "a", "7"), ("anna", "", "7")]
    assert len({people.key(*each) for each in asked}) == len(asked)
    assert People(5, 60).key(*asked[0]) != people.key(*asked[0])


@pytest.mark.parametrize("given", [("a", "b"), ("x" * 65,), (7,), ("\u00e4",), ("a b",)])
def test_what_names_nobody_is_refused(given):
    with pytest.raises(Refusal):
        word_of(*given)


@pytest.mark.parametrize(("given", "word"), [((None, ""), ""), (("a", None), "a"), (("a", "a"), "a")])
def test_one_word_is_taken(given, word):
    assert word_of(*given) == word
