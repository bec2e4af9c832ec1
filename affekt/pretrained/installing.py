"""Bring a checkpoint into the collection: check its digest, convert it, write it whole or not at all."""

from __future__ import annotations

import contextlib
import fcntl
import json
import logging
import shlex
from collections.abc import Iterator
from pathlib import Path

from safetensors import SafetensorError

from affekt.argument_names import argument, takes
from affekt.errors import DataError
from affekt.home import home
from affekt.pretrained.catalogue import LAYOUTS, Published, published
from affekt.pretrained.collection import DESCRIPTION, WEIGHTS, Held, check_weights, folder_of, held
from affekt.pretrained.layers import Size, check_shapes
from affekt.pretrained.not_a_checkpoint import MAX_BYTES, refuse_other_content
from affekt.progress import told_when_slow
from affekt.storage import appearing, file_digest
from affekt.storage.download import download, shown

logger = logging.getLogger(__name__)
#: Wall time for one download; what came is kept, and another call goes on from there.
TIMEOUT_SECONDS = 3600.0


def fetch(
    name: str,
    *,
    source: str | None = None,
    sha256: str | None = None,
    max_bytes: int = MAX_BYTES,
    timeout_seconds: float = TIMEOUT_SECONDS,
) -> Held:
    """Get a checkpoint of the catalogue from where it is published, or from another place.

    One that is here, unharmed, is not fetched again unless another source or digest is named.

    Args:
        source: https://, s3:// or a file; None for where it is published.
        sha256: that the source must have; None for the one that its publisher names or, where none does, the one seen
            the first time.

    Raises:
        DataError: it cannot be had, is over a limit, or is not what was expected.
    """
    entry = published(name)
    uri = source or entry.uri
    if sha256 is not None:
        sha256 = sha256.lower()
        if len(sha256) != 64 or set(sha256) - set("0123456789abcdef"):
            raise DataError("is no SHA-256; expected 64 hexadecimal digits", code="bad_digest", where=sha256)
    here = _unharmed(name)
    if here is not None and (sha256 == here.source["sha256"] or not (source or sha256)):
        logger.info("%s is here already", name)
        return here
    if not uri:
        raise DataError(f"is not fetched: {entry.how}", code="not_fetched", where=name)
    if not source and uri.startswith("http:"):
        raise DataError(
            f"is published over plain http only ({uri}), where it can be changed on the way; get it by your own means, "
            f"then: affekt weights fetch {name} --from FILE --sha256 DIGEST",
            code="insecure",
            where=name,
        )
    if "://" not in uri:
        return install(Path(uri), name, source=uri, sha256=sha256)
    part = home() / "weights" / ".downloads" / name
    with _alone(part):
        download(uri, part, label=f"fetch {name}", max_bytes=max_bytes, timeout_seconds=timeout_seconds)
        try:
            return install(part, name, source=shown(uri), sha256=sha256)
        finally:
            part.unlink()  # whole, but of no more use: it was taken over, or is not the right file


def install(
    path: Path,
    checkpoint: str,
    *,
    layout: str | None = None,
    name: str | None = None,
    source: str | None = None,
    sha256: str | None = None,
) -> Held:
    """Convert a file of other people's weights and keep it in the collection.

    Args:
        path: a PyTorch state dict, safetensors, or an exchange file of Caffe or Torch7 (docs/weights.md).
        checkpoint: of the catalogue, whose layers these are.
        layout: of the file's names; None to tell by them.
        name: to keep it under; None for the checkpoint's own.
        source: where the file is from, as it is to be recorded; None for its path.
        sha256: of the file, which must be this one.

    Raises:
        DataError: the file is missing, damaged, not the expected one, or of another network or layout.
    """
    entry = published(checkpoint)
    name, source = name or checkpoint, source or str(path.absolute())
    folder_of(name)  # refuses a name that cannot be one
    if layout is not None and layout not in LAYOUTS:
        raise DataError(f"unknown layout; expected one of {', '.join(LAYOUTS)}", code="unknown_layout", where=layout)
    refuse_other_content(path, source)
    with told_when_slow(f"converting {source}"):
        return _converted(path, entry, layout, name, source, sha256)


def _converted(path: Path, entry: Published, layout: str | None, name: str, source: str, sha256: str | None) -> Held:
    """A file of these weights, compared with its digest, converted and kept."""
    digest = file_digest(path)
    _check_digest(digest, entry, name, sha256, source)
    for other, expected in entry.beside.items():
        _check_beside(path.with_name(other), expected)
    from safetensors.torch import save_file  # heavy: torch, which no refusal so far needs

    from affekt.pretrained.reading import converted, layout_of, read_state  # as above

    state = read_state(path, shown=source)
    layout = layout or layout_of(path, state)
    if layout not in entry.conventions:
        raise DataError(
            f"is in the layout {layout}; {entry.name} comes as {' or '.join(entry.conventions)}",
            code="wrong_layout",
            where=source,
        )
    state = converted(state, entry.network, layout, where=source)
    size = check_shapes(entry.network, {key: tuple(value.shape) for key, value in state.items()}, where=source)
    with _replaced(folder_of(name)) as part:
        save_file(state, part / WEIGHTS)
        result = described_as(entry, name, layout, size, part / WEIGHTS)
        result.source.update(uri=source, sha256=digest, bytes=path.stat().st_size)
        (part / DESCRIPTION).write_text(json.dumps(result.to_dict(), indent=2) + "\n", encoding="utf-8")
    return result


def described_as(entry: Published, name: str, layout: str, size: Size, weights: Path) -> Held:
    """What is to be known of a converted file, but where it came from."""
    return Held(
        name=name,
        checkpoint=entry.name,
        network=entry.network,
        layout=layout,
        convention=entry.conventions[layout],
        classes=size.classes,
        width=size.width,
        sha256=file_digest(weights),
        size=weights.stat().st_size,
        source={},
    )


def _check_digest(digest: str, entry: Published, name: str, given: str | None, where: str) -> None:
    """Compare a source's digest with the one that was given, published, or seen the first time, in this order."""
    before = None
    with contextlib.suppress(DataError):  # a damaged description remembers nothing
        before = held(name)
    if given or entry.sha256:
        expected = str(given or entry.sha256)
        origin = "as given" if given else "as published"
    elif before is not None:
        expected, origin = before.source["sha256"], f"as when {name} was first kept, from {before.source['uri']}"
    else:
        logger.info("%s: no digest is published for %s; taken as it is, with the SHA-256 %s", where, entry.name, digest)
        return
    if digest != expected:
        advice = "" if given else f"; if this file is the right one, {_to_take_it(entry, name, where, digest)}"
        raise DataError(
            f"has the SHA-256 {digest}, expected {expected} ({origin}){advice}", code="wrong_digest", where=where
        )


def _to_take_it(entry: Published, name: str, where: str, digest: str) -> str:
    """What makes a file that has another digest be taken."""
    if entry.sha256:
        return f"take it with: affekt weights fetch {entry.name} --from {shlex.quote(where)} --sha256 {digest}"
    other = [argument(option) for option in ("sha256", "name") if takes(option)]
    return f"remove {folder_of(name)} or give {' or '.join(other)}"


def _check_beside(path: Path, expected: str) -> None:
    if not path.is_file():
        raise DataError("is missing; it belongs beside the file that is imported", code="missing", where=str(path))
    found = file_digest(path)
    if found != expected:
        raise DataError(
            f"has the SHA-256 {found}, expected {expected} (as published)", code="wrong_digest", where=str(path)
        )


def _unharmed(name: str) -> Held | None:
    """The checkpoint of this name, if it is here as it was written."""
    try:
        found = held(name)
        if found is not None:
            check_weights(folder_of(name) / WEIGHTS, found)
        return found
    except DataError as error:
        logger.warning("%s", error)
        return None


@contextlib.contextmanager
def _alone(part: Path) -> Iterator[None]:
    """Keep a second download of the same file away: both would write into one."""
    part.parent.mkdir(parents=True, exist_ok=True)
    with part.with_name(f"{part.name}.lock").open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise DataError("is being fetched by another process; wait for it", code="busy", where=part.name) from error
        yield


@contextlib.contextmanager
def _replaced(folder: Path) -> Iterator[Path]:
    """A new folder to write into, which takes the place of ``folder`` when the block ends without an error."""
    try:
        with appearing(folder) as part:
            part.mkdir()
            yield part
    except (OSError, SafetensorError) as error:
        raise DataError(
            f"cannot be written ({error}); free some space or name another folder in AFFEKT_HOME",
            code="unwritable",
            where=str(folder),
        ) from error
