"""``affekt predict``: the emotion in clips, by a loaded model or a running server."""

from __future__ import annotations

import argparse
import csv
import json
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from affekt.answering_pool import FEWEST_FILES, ready
from affekt.counted import counted
from affekt.dataset.cells import cell
from affekt.dataset.file_names import STILL_SUFFIXES, suffix_of
from affekt.dataset.files_meant import files_meant
from affekt.errors import AffektError, DataError, MediaError, UsageError, as_affekt_error, as_text, naming, printable
from affekt.pipelines.cli.asked import DEFAULT, absent, loaded
from affekt.pipelines.cli.remarks import remark
from affekt.pipelines.cli.timelines import Timelines
from affekt.pipelines.cli.told_to_end import sigterm_ends_in_order
from affekt.progress import told_when_slow, track
from affekt.settings.limits import with_limits
from affekt.settings.loading import load_settings
from affekt.storage import open_local

if TYPE_CHECKING:
    import numpy as np

    from affekt.ensemble import Answer, Ensemble
    from affekt.ensemble.seen import Seen
    from affekt.media.windows import Window

#: The answers about one file: one, or one for each window.
Answerer = Callable[[str], Iterable[dict[str, Any]]]
#: Columns of the table on the analysed face; the box is left, top, width and height, the time in seconds.
_FACE = ("people", "person", "box", "seen")


def main(options: argparse.Namespace) -> int:
    """Print one answer per file, in order; 1 when a file has none."""
    with sigterm_ends_in_order():
        return _main(options)


def _main(options: argparse.Namespace) -> int:
    if refused := _refused(options):
        raise UsageError(refused, code="usage")
    files = files_meant(options.files)
    if any(absent(name) is None for name in files):  # where none is there, that is told before anything is imported
        with_limits(load_settings("small").media, options.overrides)  # refuses what a model would refuse once loaded
    quiet = options.json or options.csv
    faces = Thumbnails(options.thumbnails) if options.thumbnails else None
    pages = Timelines(files) if options.every is not None else None
    results = []
    # Lines on a terminal tell by themselves how far it is.
    for result in _answers(options, files, faces, show=quiet or not sys.stdout.isatty()):
        results.append(result)
        if not quiet:
            print(line(result), flush=True)
    model = options.url or options.model or DEFAULT
    if options.csv:
        write_csv(results)
    if faces:
        faces.told()
    if pages:
        pages.write(results, model)
    lost = [*(faces.lost if faces else ()), *(pages.lost.values() if pages else ())]
    if options.json:
        adapted = {"same_person": sum("error" not in result for result in results)} if options.same_person else {}
        failed = {"error": lost[0].to_dict()} if lost else {}
        print(json.dumps({"model": model, **adapted, "results": [*map(_as_text, results)], **failed}, indent=2))
    return 1 if lost or any("error" in result for result in results) else 0


def _as_text(result: Mapping[str, Any]) -> dict[str, Any]:
    """An answer as its document has it: a name that is not UTF-8 spelt as in tables and sentences."""
    error = result.get("error")
    spelt = {"error": {**error, "message": as_text(error["message"])}} if error else {}
    return {**result, "file": as_text(result["file"]), **spelt}


def _refused(options: argparse.Namespace) -> str:
    """Why these flags cannot be used together; empty where they can."""
    with_url = {
        "--model": options.model,
        "--same-person": options.same_person,
        "--person": options.person,
        "--every": options.every,
        "--set": options.overrides,
        "--thumbnails": options.thumbnails,
    }
    if options.url and any(with_url.values()):
        flag = next(name for name, value in with_url.items() if value)
        return f"{flag} says something to a loaded model, and --url asks a server; leave one of them out"
    if options.json and options.csv:
        return "--json and --csv are two forms of one answer; choose one"
    if options.same_person and options.every is not None:
        return "--same-person adapts whole clips, and --every cuts them; choose one"
    if options.same_person and options.thumbnails:
        return "--same-person keeps no pictures for --thumbnails; choose one"
    return ""


def _answers(
    options: argparse.Namespace, files: Sequence[str], faces: Thumbnails | None, *, show: bool
) -> Iterator[dict[str, Any]]:
    missing = {name: error for name in files if (error := absent(name)) is not None}
    if len(missing) == len(set(files)):  # no model is loaded for nothing
        yield from (_error(name, missing[name]) for name in files)
        return
    if options.url:
        answers = _by_server(options.url, files, options.labels)
        with told_when_slow(f"waiting for {options.url}"):
            yield from track(answers, "predict", len(files)) if show and len(files) > 1 else answers
        return
    together = len(files) if options.every is None else 0
    with ready(together, FEWEST_FILES):
        ensemble = loaded(options.model or DEFAULT, overrides=options.overrides, files=together)
        yield from _by_model(ensemble.among(options.labels), options, files, faces, show=show)


def _by_model(
    ensemble: Ensemble, options: argparse.Namespace, files: Sequence[str], faces: Thumbnails | None, *, show: bool
) -> Iterator[dict[str, Any]]:
    who = options.person or "prominent"
    if options.same_person:
        yield from _of_one_person(ensemble, files, who)
        return
    if options.every is None:
        yield from _whole(ensemble, files, who, faces, show=show)
        return
    answer = _in_windows(ensemble, options.every, who, faces, show=show)
    for name in track(files, "predict", len(files)) if show and len(files) > 1 else files:
        try:
            if suffix_of(name) in STILL_SUFFIXES:
                raise MediaError("is a still picture, which has no windows; leave --every out", code="no_windows")
            yield from answer(name)
        except (AffektError, OSError) as error:
            yield _error(name, as_affekt_error(error))


class Thumbnails:
    """Pictures of the analysed faces, JPEG, written into a folder under the number and the name of their answer.

    Attributes:
        lost: why some of them could not be written.

    Raises:
        DataError: a file stands in its place.
        OSError: the folder cannot be made.
    """

    def __init__(self, folder: str) -> None:
        self._folder, self._count, self._kept = Path(folder), 0, 0
        self.lost: list[AffektError] = []
        if self._folder.exists() and not self._folder.is_dir():
            raise DataError("is a file; name a folder for the pictures of faces", code="not_a_folder", where=folder)
        self._folder.mkdir(parents=True, exist_ok=True)

    def keep(self, name: str, picture: np.ndarray | None) -> dict[str, str]:
        """The entry of an answer: where its picture is; nothing where no face was analysed, or it cannot be written."""
        from affekt.report.thumbnails import thumbnail  # heavy: cv2, which a server's answer does not need

        self._count += 1
        if picture is None:
            return {}
        file = self._folder / f"{self._count:04d}-{Path(name).stem}.jpg"
        try:
            with naming(file):
                file.write_bytes(thumbnail(picture))
        except OSError as error:  # the answer is not lost with its picture
            self.lost.append(as_affekt_error(error))
            print(f"affekt: {self.lost[-1]}", file=sys.stderr)
            return {}
        self._kept += 1
        return {"thumbnail": str(file)}

    def told(self) -> None:
        """Say how many pictures there are, and where."""
        remark(f"thumbnails: {counted(self._kept, 'faces')} in {self._folder}")


def _whole(
    ensemble: Ensemble, files: Sequence[str], who: str, faces: Thumbnails | None, *, show: bool
) -> Iterator[dict[str, Any]]:
    from affekt.ensemble import look_at  # PyTorch, which a server's answer does not need

    looked: Iterable[Seen | AffektError] = look_at(ensemble, files, who, pictures=faces is not None)
    looked = track(looked, "predict", len(files)) if show and len(files) > 1 else looked
    for name, seen in zip(files, looked, strict=True):
        try:
            if isinstance(seen, AffektError):
                raise seen
            yield {"file": name, **ensemble.answer(seen).to_dict(), **(faces.keep(name, seen.picture) if faces else {})}
        except AffektError as error:
            told = _error(name, absent(name) or error)
            if error.code == "too_long":
                told["error"]["message"] += ", or let --every SECONDS answer it in windows"
            yield told


def _in_windows(ensemble: Ensemble, every: float, who: str, faces: Thumbnails | None, *, show: bool) -> Answerer:
    from affekt.media.windows import bounds_of, windows_of  # heavy: cv2, which a server's answer does not need

    media = ensemble.settings.media

    def answer(name: str) -> Iterator[dict[str, Any]]:
        with open_local(name) as path:
            windows: Iterable[Window] = windows_of(path, every, media)
            if show:
                windows = track(windows, Path(name).name, len(bounds_of(path, every, media)), "window")
            for window in windows:
                where = {"file": name, "from": round(window.start, 3), "to": round(window.end, 3)}
                try:
                    clip, seen = ensemble.look_in(window.file, name, who)
                    found = ensemble.answer(seen)
                except MediaError as error:  # a part without a face and a voice is no end of the others
                    yield {**where, **_error(name, error)}
                    continue
                if found.face:
                    scale = window.scale(clip.details["width"], clip.details["height"])
                    found = replace(found, face=found.face.elsewhere(window.start, scale))
                yield {**where, **found.to_dict(), **(faces.keep(name, clip.middle_face) if faces else {})}

    return answer


def _of_one_person(ensemble: Ensemble, files: Sequence[str], who: str) -> Iterator[dict[str, Any]]:
    from affekt.ensemble import look_at  # PyTorch, which a server's answer does not need

    answers: list[Answer | AffektError] = ensemble.answers_of_person(list(look_at(ensemble, files, who)))
    for name, answer in zip(files, answers, strict=True):
        yield _error(name, answer) if isinstance(answer, AffektError) else {"file": name, **answer.to_dict()}


def _error(name: str, error: AffektError) -> dict[str, Any]:
    return {"file": name, "error": {"code": error.code, "message": error.message}}


def _by_server(url: str, files: Sequence[str], labels: Sequence[str]) -> Iterator[dict[str, Any]]:
    """The answers of a server, in order, several files on their way at once.

    Raises:
        AffektError: before the first answer, what every other file would meet as well: nobody is there, or the server
            wants a key.
    """
    from affekt.client import Client, in_order  # heavy: requests, and only --url needs it
    from affekt.scoring.answering import concerns_all  # heavy: pandas, and only --url needs it

    with Client(url, key=os.environ.get("AFFEKT_KEY")) as client:

        def answer(name: str) -> dict[str, Any] | AffektError:
            try:
                with open_local(name) as path:
                    return client.document(path, labels=labels)
            except (AffektError, OSError) as error:
                return absent(name) or as_affekt_error(error)

        answered = False
        for name, found in zip(files, in_order(answer, files, client.at_once), strict=True):
            if isinstance(found, AffektError):
                if concerns_all(found) and not answered:
                    raise found
                yield _error(name, found)
                continue
            answered = True
            yield {"file": name, **{key: value for key, value in found.items() if key not in ("model", "file")}}


def write_csv(results: Sequence[dict[str, Any]]) -> None:
    """Print the answers as a table with a header; a cell that would be a formula begins with an apostrophe."""
    labels = list(dict.fromkeys(label for result in results for label in result.get("probabilities", {})))
    windows = ["from", "to"] if any("from" in result for result in results) else []
    writer = csv.writer(sys.stdout)
    writer.writerow(["file", *windows, "label", "confidence", *labels, "modalities", "warnings", "error", *_FACE])
    for result in results:
        numbers = [result.get("probabilities", {}).get(label, "") for label in labels]
        texts = [
            "+".join(result.get("modalities", ())),
            "; ".join(result.get("warnings", ())),
            result.get("error", {}).get("message", ""),
        ]
        spans = [result.get(name, "") for name in windows]
        said = [result.get("label", ""), result.get("confidence", "")]
        writer.writerow([cell(result["file"]), *spans, *said, *numbers, *map(cell, texts), *_face_cells(result)])


def _face_cells(result: Mapping[str, Any]) -> list[Any]:
    """Among how many people who was analysed, the box, and when the face was seen."""
    face = result.get("face")
    if not face:
        return [""] * len(_FACE)
    seen = "; ".join(f"{first:g}–{last:g}" for first, last in face["seconds"])
    return [face["people"], face["person"], " ".join(map(str, face["box"])), seen]


def line(result: dict[str, Any]) -> str:
    """One answer as a sentence."""
    name = printable(result["file"])
    if "from" in result:
        name = f"{name} {result['from']:.1f}–{result['to']:.1f} s"
    if "error" in result:
        return f"{name}: error: {printable(result['error']['message'], lines=True)}"
    from affekt.report.sentence import sentence  # an answer as JSON needs no words

    notes = f"  [{'; '.join(result['warnings'])}]" if result["warnings"] else ""
    return f"{name}: {sentence(result)}{notes}"
