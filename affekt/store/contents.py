"""Which content clips have, without fetching or reading what was looked at before."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from affekt import machine, storage
from affekt.store.entries import content_name
from affekt.store.origins import Origins


def contents(uris: Sequence[str], root: str | Path) -> dict[str, str]:
    """The content of each of these files, as keys of the store call it; ``""`` for one in S3 that was never fetched.

    Objects in S3 are told by what a listing says of them (ETag and size). A file of this machine is read once; after
    that it is told by its place, size and times, which are kept as digests in the store.

    Args:
        uris: files, here or in S3.
        root: of the prepared store.

    Raises:
        DataError: the service refuses or does not answer, or a file may not be read.
    """
    origins = Origins(str(root))
    local = {uri: _state(uri) for uri in uris if not storage.is_remote(uri)}
    versions = {**storage.versions(uris), **{uri: state for uri, state in local.items() if state}}
    known = origins.known
    unread = [uri for uri, state in local.items() if state and state not in known]
    with ThreadPoolExecutor(machine.whole_cores()) as pool:
        read = dict(zip((local[uri] for uri in unread), pool.map(storage.file_digest, unread), strict=True))
    origins.learn(read)
    known = origins.known
    return {uri: content_name(known[versions[uri]]) if versions.get(uri) in known else "" for uri in uris}


def _state(path: str) -> str:
    """What changes with a file's content: a digest of where it is, of its size and of its times; ``""`` without one."""
    try:
        found = os.stat(path)  # noqa: PTH116
    except OSError:
        return ""
    facts = (os.path.realpath(path), found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns)
    return f"file-{hashlib.sha256(repr(facts).encode()).hexdigest()[:32]}"
