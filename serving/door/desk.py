"""What the endpoints of the door share, and the way of a clip through it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping, Sequence
from typing import Any

from starlette.requests import Request

from affekt.serving.door.bodies import received
from affekt.serving.door.clip_fields import LABELS, labels_of, said, timings_wanted
from affekt.serving.door.fetching import fetched
from affekt.serving.door.inbox import SLOW, Clip, Inbox, drained
from affekt.serving.door.metrics import Metrics
from affekt.serving.door.options import Options
from affekt.serving.door.people import People, word_of
from affekt.serving.door.refusal import Refusal
from affekt.serving.door.versions import Version, Versions
from affekt.serving.engines.engine import Reply
from affekt.serving.inner_fields import PERSON, TIMINGS


class Desk:
    """One for each door.

    Args:
        options: of the door.
        versions: of the model.
        inbox: for clips.
    """

    def __init__(self, options: Options, versions: Versions, inbox: Inbox) -> None:
        self.options, self.versions, self.inbox = options, versions, inbox
        self.metrics = Metrics(versions)
        self.people = People(options.people, 60 * options.people_minutes)

    def version_of(self, request: Request) -> Version:
        """The version that a request is for; with a canary, the same caller gets the same.

        A caller is known by the header ``X-Canary-Key``, else by its key, else by its address.

        Raises:
            Refusal: there is no such model or version.
        """
        given = request.headers.get("x-canary-key") or request.state.note.get("key")
        key = str(given or (request.client.host if request.client else ""))
        return self.versions.named(request.path_params["model"], request.path_params.get("version"), key)

    def person_of(self, *given: object) -> str:
        """The word for the person whom a request names, in its query or its body; empty where it names none.

        Raises:
            Refusal: it is no word that can be taken, or this server keeps nothing of anybody.
        """
        word = word_of(*given)
        if word and not self.people.most:
            raise Refusal(400, "no_people", "this server keeps nothing of earlier clips; leave person out")
        return word

    async def clip_of(self, request: Request, *query: str) -> tuple[Clip, str, list[str]]:
        """The clip of a request, its body or what its JSON document names; the person and the labels that it names.

        Args:
            request: for a clip.
            query: as for :func:`affekt.serving.door.bodies.received`.

        Raises:
            Refusal: there is no clip, or no such person or labels can be named.
        """
        self._besides(request, {})  # before a body is waited for
        started = time.monotonic()
        try:
            found, words = await received(request, self.inbox, query)
        except Refusal as error:
            if error.code != SLOW:  # its sender has been waited for already
                await drained(request)
            raise
        try:
            person, labels = self._besides(request, words)
        except Refusal:
            if isinstance(found, Clip):
                found.remove()
            raise
        clip = found if isinstance(found, Clip) else await self.named(request, found)
        request.state.note["receive"] = round(time.monotonic() - started, 5)
        return clip, person, labels

    def _besides(self, request: Request, words: Mapping[str, Sequence[Any]]) -> tuple[str, list[str]]:
        return self.person_of(*said(request, PERSON, words)), labels_of(*said(request, LABELS, words))

    async def named(self, request: Request, document: dict[str, Any]) -> Clip:
        """The clip that the JSON document of a request names by its ``uri``.

        Raises:
            Refusal: it names none, or one that may not be fetched.
            Gone: the caller has gone.
        """
        gone = asyncio.create_task(_gone(request))
        try:
            return await fetched(document, self.options.buckets, self.inbox, gone)
        finally:
            gone.cancel()

    async def reply(
        self, request: Request, version: Version, clip: Clip, task: dict[str, Any], person: str = ""
    ) -> Reply:
        """What a version says of a clip, adapted to its person where one is named; given up when the caller goes."""
        note = request.state.note
        note["bytes"] = clip.size
        gone = asyncio.create_task(_gone(request))
        try:
            there = self._there(request, version, clip)
            # Another model may get the name of one that was taken away; what people showed to that says nothing to it.
            key = self.people.key(person, str(note.get("key") or ""), f"{there.name} {there.digest}")
            if person:
                task = {**task, PERSON: self.people.shown(key)}
            status, document = await self.versions.reply(there, clip, task, gone, note)
        finally:
            gone.cancel()
        timings, shown = document.pop(TIMINGS, {}), document.pop(PERSON, None)
        if shown:
            self.people.add(key, shown)
        self.metrics.took(timings)
        self.metrics.took({name: note[name] for name in ("receive", "queue") if name in note})
        if timings_wanted(request):
            document["timings"] = {**{name: note[name] for name in ("receive", "queue") if name in note}, **timings}
        if "error" in document:
            request.state.note["code"] = document["error"]["code"]
        self.metrics.said(there.name, document)
        return status, document

    def _there(self, request: Request, version: Version, clip: Clip) -> Version:
        """The version, or the one that took its place while the clip was on its way.

        Raises:
            Refusal: the request named it, and it is gone; so is the clip then.
        """
        found = version
        if self.versions.all.get(version.name) is not version:
            try:
                found = self.version_of(request)
            except Refusal:
                clip.remove()
                raise
        request.state.note["version"] = found.name
        return found


async def _gone(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass
