"""Checks a layout by the contract of :class:`affekt.extensions.LayoutSpec`, on files made for it."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

from affekt.dataset import SPLITS, canonical_label, read_source
from affekt.dataset.file_names import CLIP_SUFFIXES, IMAGE_SUFFIXES, is_media
from affekt.dataset.layouts import put_together
from affekt.errors import DataError
from affekt.extensions import FileFacts, LayoutSpec, layout_specs
from affekt.testing.conformance import require, require_spec

#: Names that any data set may have, and that say nothing.
_ANYBODYS = ("clip.mp4", "0001.avi", "videos/IMG_1234.mov", "session1/take_02.mp4", "a.wav", "train/interview 3.webm")


def check_layout(name: str, files: Mapping[str, bytes] = MappingProxyType({})) -> None:
    """Ask an installed layout about files, and hold it to its contract.

    The spec's module is light to import; its example is a clip or an image with a label of affekt's (or a common
    spelling), and lies in no folder by chance; the same file is always told the same; what any data set may be called,
    and what other layouts call theirs, it does not claim; and a folder with its example is a data set without errors.

    Args:
        name: of the layout.
        files: for a layout that reads trees: the files, by their paths, among which the example is a labelled one.

    Raises:
        ConformanceError: the first promise that is not kept.
    """
    spec = layout_specs()[name]
    who = f"layout {name!r}"
    require_spec("layout", name, who)
    require(bool(spec.title.strip()), who, "it should have a title, which stands in errors")
    require(
        is_media(spec.example, CLIP_SUFFIXES | IMAGE_SUFFIXES),
        who,
        f"its example should be the path of a clip or an image, found {spec.example!r}",
    )
    files = {**dict.fromkeys([spec.example], b""), **files}
    _check_facts(_facts(spec, files, spec.example), who, spec.example)
    require(
        _facts(spec, files, spec.example) == _facts(spec, files, spec.example),
        who,
        f"{spec.example} should be told the same each time",
    )
    if spec.read_path:
        _check_place(spec, who)
    _check_claims(spec, files, who)
    _check_data_set(spec, files, who)


class _Files:
    """Files in memory as a layout sees a tree."""

    def __init__(self, files: Mapping[str, bytes]) -> None:
        self._files = files

    @property
    def paths(self) -> tuple[str, ...]:
        return tuple(sorted(self._files))

    def read(self, path: str) -> bytes:
        return self._files[path]


def _facts(spec: LayoutSpec, files: Mapping[str, bytes], path: str) -> FileFacts | None:
    return spec.read_tree(_Files(files)).get(path) if spec.read_tree else spec.read_path(path)  # type: ignore[misc]


def _check_facts(facts: FileFacts | None, who: str, path: str) -> None:
    if facts is None:
        require(False, who, f"it should claim its own example, {path}")
        return
    words = (facts.label, facts.subject, facts.split, facts.recording, *facts.attributes, *facts.attributes.values())
    require(all(isinstance(word, str) for word in words), who, f"all that is told of {path} should be text: {facts}")
    require(facts.split in ("", *SPLITS), who, f"a split should be of {', '.join(SPLITS)}, or blank: {facts.split!r}")
    try:
        known = bool(facts.label) and bool(canonical_label(facts.label))
    except DataError:
        known = False
    require(known, who, f"its example {path} should have a label that affekt knows, found {facts.label!r}")


def _check_place(spec: LayoutSpec, who: str) -> None:
    """What a path tells does not hang on the folder that somebody unpacked the data set into."""
    here, below = (_facts(spec, {}, place + spec.example) for place in ("", "some where/unpacked/"))
    require(here == below, who, f"{spec.example} should be told the same below further folders: {here}, {below}")


def _check_claims(spec: LayoutSpec, files: Mapping[str, bytes], who: str) -> None:
    for path in _ANYBODYS:
        said = _facts(spec, {path: b""}, path) or FileFacts()
        require(
            not (said.label or said.subject),
            who,
            f"{path} may be of any data set, and should not be claimed: {said}",
        )
    for other in layout_specs().values():
        facts = _facts(spec, {other.example: b""}, other.example)
        theirs = _facts(other, {other.example: b""}, other.example)
        if other.name != spec.name and facts is not None and theirs is not None:
            fault = put_together([(spec, facts), (other, theirs)]).fault
            require(
                fault is None,
                who,
                f"{other.example} is of the layout {other.name!r}, and should not be claimed: {fault}",
            )


def _check_data_set(spec: LayoutSpec, files: Mapping[str, bytes], who: str) -> None:
    with tempfile.TemporaryDirectory(prefix="affekt-") as folder:
        for path, content in files.items():
            Path(folder, path).parent.mkdir(parents=True, exist_ok=True)
            Path(folder, path).write_bytes(content)
        if not is_media(spec.example, CLIP_SUFFIXES):
            return
        try:
            source = read_source(folder)
        except DataError as error:
            require(False, who, f"a folder with its example should be a data set: {error}")
            return
    errors = [str(problem) for problem in source.problems if problem.severity == "error"]
    require(not errors, who, f"a folder with its example should be a data set without errors: {'; '.join(errors)}")
    labels = {clip.id: clip.label for clip in source.table}
    require(bool(labels.get(spec.example)), who, f"{spec.example} should be a labelled clip of that folder")
