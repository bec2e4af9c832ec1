"""Open every file of a data set once: read its header, and tell which files hold exactly the same."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from affekt import machine
from affekt.dataset.clips import Clip
from affekt.dataset.faces import FaceImage
from affekt.dataset.picture_file import decode_picture
from affekt.errors import AffektError, MediaError
from affekt.media.probe import MediaInfo, probe_all
from affekt.progress import Progress
from affekt.storage import file_digest, is_remote, open_local

_BATCH = 16  # clips that are downloaded together
_CHUNK = 64  # images that a thread takes at a time
_DOWNLOADS = 8  # batches at once; an object store answers slowly but widely


@dataclass(frozen=True)
class Inspected:
    """What is in one file: its header, or why it cannot be used, and a digest of its content.

    ``info`` and ``error`` are both None for a still image that can be decoded. ``digest`` is empty where no other
    file can have the same content, since none has the same size.
    """

    info: MediaInfo | None = None
    error: AffektError | None = None
    digest: str = ""


def inspect_clips(clips: Sequence[Clip], workers: int = 0) -> list[Inspected]:
    """Read the header of every clip (about 2 ms each on two cores) and the content of those of equal size.

    Args:
        clips: with files that exist; those in S3 are downloaded one batch at a time and removed again.
        workers: threads; 0 is one per core.
    """
    workers = workers or machine.whole_cores()
    local = [row for row, clip in enumerate(clips) if not is_remote(clip.uri)]
    remote = [row for row, clip in enumerate(clips) if is_remote(clip.uri)]
    results: dict[int, Inspected] = {}
    with Progress("check", len(clips)) as progress:
        infos = probe_all([clips[row].uri for row in local], workers=workers)
        digests = _digests([Path(clips[row].uri) for row in local], workers)
        for row, info, digest in zip(local, infos, digests, strict=True):
            results[row] = _inspected(info, digest)
            progress.advance()
        batches = [remote[first : first + _BATCH] for first in range(0, len(remote), _BATCH)]
        with ThreadPoolExecutor(_DOWNLOADS) as pool:
            found = pool.map(lambda batch: _inspect_remote([clips[row] for row in batch]), batches)
            for batch, inspected in zip(batches, found, strict=True):
                results |= zip(batch, inspected, strict=True)
                progress.advance(len(batch))
    return [results[row] for row in range(len(clips))]


def inspect_faces(faces: Sequence[FaceImage], workers: int = 0) -> list[Inspected]:
    """Decode every image and digest its content."""
    results: list[Inspected] = []
    chunks = [faces[first : first + _CHUNK] for first in range(0, len(faces), _CHUNK)]
    # Twice as many threads as cores, since files are waited for.
    with (
        Progress("check", len(faces), unit="image") as progress,
        ThreadPoolExecutor(workers or 2 * machine.whole_cores()) as pool,
    ):
        for inspected in pool.map(lambda chunk: [_inspect_face(face) for face in chunk], chunks):
            results += inspected
            progress.advance(len(inspected))
    return results


def _inspect_face(face: FaceImage) -> Inspected:
    try:
        content = face.content()
    except MediaError as error:
        return Inspected(error=error)
    digest = hashlib.sha256(content).hexdigest()
    if face.pixels is None:
        try:
            decode_picture(content, face.uri, grey=True)
        except MediaError as error:
            return Inspected(error=error, digest=digest)
    return Inspected(digest=digest)


def _inspect_remote(clips: Sequence[Clip]) -> list[Inspected]:
    with ExitStack() as stack:
        paths: dict[int, Path] = {}
        results: dict[int, Inspected] = {}
        for row, clip in enumerate(clips):
            try:
                paths[row] = stack.enter_context(open_local(clip.uri))
            except AffektError as error:
                results[row] = Inspected(error=error)
        for (row, path), info in zip(paths.items(), probe_all(list(paths.values()), workers=1), strict=True):
            results[row] = _inspected(info, _digest(path))
        return [results[row] for row in range(len(clips))]


def _inspected(info: MediaInfo | MediaError, digest: str) -> Inspected:
    return Inspected(error=info, digest=digest) if isinstance(info, MediaError) else Inspected(info, digest=digest)


def _digests(paths: Sequence[Path], workers: int) -> list[str]:
    """The digest of each file that shares its size with another, ``""`` for the rest."""
    sizes = [path.stat().st_size if path.is_file() else -1 for path in paths]
    shared = {size for size, files in Counter(sizes).items() if files > 1 and size > 0}
    with ThreadPoolExecutor(workers) as pool:
        return list(pool.map(lambda path, size: _digest(path) if size in shared else "", paths, sizes))


def _digest(path: Path) -> str:
    try:
        return file_digest(path)
    except OSError:
        return ""  # the header's reader says what is wrong with it
