"""Clips that a request names instead of sending them: objects in buckets that the operator has allowed."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Mapping, Sequence
from typing import Any

from affekt.errors import AffektError
from affekt.serving.door.bodies import NO_CLIP
from affekt.serving.door.inbox import Clip, Inbox, Writer
from affekt.serving.door.refusal import Refusal
from affekt.storage.uris import split_s3

_CHUNK = 1 << 20
#: The longest key of S3.
_KEY_BYTES = 1024


async def fetched(document: Mapping[str, Any], buckets: Sequence[str], inbox: Inbox) -> Clip:
    """The clip at the ``uri`` of a document.

    Raises:
        Refusal: it names no object of S3, one in a bucket that is not allowed, or one that cannot be fetched.
    """
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
    with inbox.writer() as writer:
        await asyncio.to_thread(_fetch, bucket, key, writer)
        if not writer.clip.size:
            raise Refusal(400, "no_clip", f"{uri} is empty")
        return writer.done()


def _fetch(bucket: str, key: str, writer: Writer) -> None:
    from botocore.exceptions import BotoCoreError, ClientError  # heavy, and few doors fetch

    from affekt.storage.s3 import client  # as above

    try:
        found = client().get_object(Bucket=bucket, Key=key)
        writer.clip.inbox.refuse_size(int(found["ContentLength"]))
        with contextlib.closing(found["Body"]) as body:
            for chunk in body.iter_chunks(_CHUNK):
                writer.write(chunk)
    except ClientError as error:
        code = str(error.response.get("Error", {}).get("Code", ""))
        if code in ("NoSuchKey", "404", "NoSuchBucket"):
            raise Refusal(404, "no_object", f"there is no s3://{bucket}/{key}") from None
        raise Refusal(502, "storage_failed", f"the storage refused ({code})", retry_after=5) from None
    except BotoCoreError as error:
        raise Refusal(502, "storage_failed", f"the storage failed ({type(error).__name__})", retry_after=5) from None
