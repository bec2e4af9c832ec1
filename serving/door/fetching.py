"""Clips that a request names instead of sending them: objects in buckets that the operator has allowed."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import threading
from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from typing import Any

from affekt.errors import AffektError
from affekt.serving.door.bodies import NO_CLIP
from affekt.serving.door.inbox import Clip, Inbox
from affekt.serving.door.refusal import Refusal
from affekt.serving.door.versions import Gone
from affekt.storage.uris import split_s3

logger = logging.getLogger("affekt.door")

#: Bytes that are read before it is seen whether somebody still waits for them.
_CHUNK = 1 << 16
#: The longest key of S3.
_KEY_BYTES = 1024
#: Objects that are fetched together, each in a thread.
_AT_ONCE = 64
_places = threading.BoundedSemaphore(_AT_ONCE)
#: What a storage says of an object that these credentials may not read or that is archived; and of one that is not
#: there, where they may not list the bucket.
_DENIED = ("AccessDenied", "AllAccessDisabled", "403", "InvalidObjectState")


async def fetched(
    document: Mapping[str, Any], buckets: Sequence[str], inbox: Inbox, gone: asyncio.Task[None] | None = None
) -> Clip:
    """The clip at the ``uri`` of a document.

    Args:
        document: of the request.
        buckets: that are allowed.
        inbox: for clips; it says how long one may take.
        gone: is done when the caller has gone.

    Raises:
        Refusal: it names no object of S3, one in a bucket that is not allowed, or one that cannot be fetched.
        Gone: the caller has gone.
    """
    bucket, key = _named(document, buckets)
    full = Refusal(503, "no_room", "too many clips are fetched just now; try again later", retry_after=5)
    if not _places.acquire(blocking=False):
        raise full
    outcome, given_up = Future[Clip](), threading.Event()
    outcome.set_running_or_notify_cancel()
    # No thread of a pool: other work would wait behind a storage that hangs, and so would the end of the server.
    fetching = threading.Thread(target=_run, args=(outcome, given_up, bucket, key, inbox), daemon=True)
    try:
        fetching.start()
    except RuntimeError:  # the system takes no further thread
        _places.release()
        raise full from None
    waited = asyncio.wrap_future(outcome)
    try:
        either: set[asyncio.Future[Any]] = {waited, gone} if gone is not None else {waited}
        await asyncio.wait(either, timeout=inbox.body_seconds, return_when=asyncio.FIRST_COMPLETED)
        if waited.done():
            return waited.result()
    except asyncio.CancelledError:
        _give_up(outcome, given_up)
        raise
    _give_up(outcome, given_up)
    waited.cancel()
    if gone is not None and gone.done():
        raise Gone
    raise _failed(bucket, f"not all of the object in {inbox.body_seconds:.0f} s")


def _named(document: Mapping[str, Any], buckets: Sequence[str]) -> tuple[str, str]:
    """The bucket and the key that a document names."""
    uri = document.get("uri")
    if not isinstance(uri, str) or not uri.startswith("s3://"):
        raise Refusal(400, "no_clip", NO_CLIP)
    try:
        bucket, key = split_s3(uri)
    except AffektError as error:
        raise Refusal(400, "bad_uri", error.message) from None
    if bucket not in buckets:
        # Whether such a bucket exists is nobody's business.
        raise Refusal(
            403, "bucket_not_allowed", f"clips are not fetched from the bucket {bucket}; see affekt serve --bucket"
        )
    if not 0 < len(key.encode()) <= _KEY_BYTES:
        raise Refusal(400, "bad_uri", f"expected s3://bucket/key with a key of 1 to {_KEY_BYTES:,} bytes")
    if {".", ".."} & set(key.split("/")):
        # The bucket is a part of the address that is asked for; what resolves this on the way would ask another one.
        raise Refusal(400, "bad_uri", "a key with the part '.' or '..' is not taken; copy the object to another key")
    return bucket, key


def _run(outcome: Future[Clip], given_up: threading.Event, bucket: str, key: str, inbox: Inbox) -> None:
    try:
        clip = _fetch(bucket, key, inbox, given_up)
    except BaseException as error:
        outcome.set_exception(error)
    else:
        outcome.set_result(clip)
    finally:
        _places.release()


def _give_up(outcome: Future[Clip], given_up: threading.Event) -> None:
    """Have a clip thrown away that nobody waits for, now or when it is there."""
    given_up.set()
    outcome.add_done_callback(lambda ended: None if ended.exception() else ended.result().remove())


def _fetch(bucket: str, key: str, inbox: Inbox, given_up: threading.Event) -> Clip:
    from botocore.exceptions import BotoCoreError, ClientError  # heavy, and few doors fetch

    from affekt.storage.s3 import client  # as above

    try:
        found = client().get_object(Bucket=bucket, Key=key)
        with contextlib.closing(found["Body"]) as body, inbox.writer() as writer:
            inbox.refuse_size(int(found["ContentLength"]))
            for chunk in body.iter_chunks(_CHUNK):
                if given_up.is_set():
                    raise Gone
                writer.write(chunk)
            if not writer.clip.size:
                raise Refusal(400, "no_clip", f"s3://{bucket}/{key} is empty")
            return writer.done()
    except ClientError as error:
        code = str(error.response.get("Error", {}).get("Code", ""))
        if code in ("NoSuchKey", "404", "NoSuchBucket"):
            raise Refusal(404, "no_object", f"there is no s3://{bucket}/{key}") from None
        if code in _DENIED:
            message = f"the server may not read s3://{bucket}/{key}, or there is no such object ({code})"
            raise Refusal(403, "object_denied", message) from None
        raise _failed(bucket, code) from None
    except (BotoCoreError, ValueError) as error:  # an endpoint that is no address is a ValueError
        raise _failed(bucket, type(error).__name__) from None


def _failed(bucket: str, why: str) -> Refusal:
    logger.warning("clips cannot be fetched from the bucket %s: %s", bucket, why)
    return Refusal(502, "storage_failed", f"the storage failed ({why})", retry_after=5)
