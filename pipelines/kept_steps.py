"""The steps of a local training that are done: after an interruption the next start goes on behind them.

Nothing that is kept names the home that it lies in, so that one that was moved, renamed or copied goes on, too.
"""

from __future__ import annotations

import hashlib
import json
import logging
import shutil
import uuid
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from importlib import metadata
from pathlib import Path
from typing import Any

from kfp import dsl

from affekt.dataset import load_clips, read_faces, unit_of
from affekt.home import state_folder
from affekt.pipelines.interrupted import NOTE, locked
from affekt.settings import Settings
from affekt.steps.step import code_digest
from affekt.storage import file_digest, is_remote, versions

logger = logging.getLogger(__name__)

#: Always run: it closes the MLflow run.
_LAST = "finish"
#: Arguments that may lie in the home; no step writes them into what it leaves.
_PLACES = ("store", "tracking_uri")


@dataclass
class KeptSteps:
    """What is done of one training, in the folder of its run.

    Attributes:
        folder: of the run.
        job: the identifier that all starts of it have in common.
        found: how many steps earlier starts left.
    """

    folder: Path
    job: str
    found: int = 0
    _digests: dict[str, str] = field(default_factory=dict)

    def outputs(self, task: str, executor: Any, arguments: Mapping[str, Any]) -> dict[str, Any] | None:
        """What a task gave for the same inputs; None where it has to run, also if its files are not what they were."""
        note = self._note(task, executor, arguments)
        try:
            kept = json.loads(note.read_text(encoding="utf-8"))
            found = {name: self._value(value) for name, value in kept.items()}
        except (OSError, ValueError, KeyError):
            return None
        return found if task != _LAST else None

    def keep(self, task: str, executor: Any, arguments: Mapping[str, Any], outputs: Mapping[str, Any]) -> None:
        """Remember what a task gave."""
        note = self._note(task, executor, arguments)
        note.parent.mkdir(exist_ok=True)
        part = note.with_suffix(".part")
        part.write_text(json.dumps({name: self._plain(value) for name, value in outputs.items()}), encoding="utf-8")
        part.replace(note)

    def run_id(self) -> str:
        """The MLflow run that the first step opened; empty where it is not done."""
        for note in (self.folder / "steps").glob("ingest*.json"):
            return str(json.loads(note.read_text(encoding="utf-8")).get("Output", ""))
        return ""

    def forget(self) -> None:
        """Let no earlier step count."""
        for note in (self.folder / "steps").glob("*.json"):
            note.unlink()
        self.found = 0

    def complete(self) -> None:
        """The training has ended well: the next start is a new one."""
        (self.folder / NOTE).unlink(missing_ok=True)
        shutil.rmtree(self.folder / "steps", ignore_errors=True)

    def _note(self, task: str, executor: Any, arguments: Mapping[str, Any]) -> Path:
        command = [*executor.container.command, *executor.container.args, executor.container.image]
        inputs = _wherever_home_is(arguments)
        given = {name: self._plain(value, inputs=True) for name, value in sorted(inputs.items())}
        digest = hashlib.sha256(json.dumps([command, given], sort_keys=True).encode()).hexdigest()[:16]
        return self.folder / "steps" / f"{task}-{digest}.json"

    def _plain(self, value: Any, *, inputs: bool = False) -> Any:
        if isinstance(value, list | tuple):
            return [self._plain(each, inputs=inputs) for each in value]
        if not isinstance(value, dsl.Artifact):
            return value
        content = self._content(Path(value.uri))
        if inputs:
            return {"content": content}
        place = Path(value.uri)
        uri = place.relative_to(self.folder) if place.is_relative_to(self.folder) else place
        facts = {"name": value.name, "uri": str(uri), "metadata": dict(value.metadata)}
        return {"artifact": type(value).__name__, **facts, "content": content}

    def _value(self, kept: Any) -> Any:
        if isinstance(kept, list):
            return [self._value(each) for each in kept]
        if not isinstance(kept, dict) or "artifact" not in kept:
            return kept
        place = self.folder / kept["uri"]
        if self._content(place) != kept["content"]:
            raise ValueError("changed since")
        return getattr(dsl, kept["artifact"])(name=kept["name"], uri=str(place), metadata=kept["metadata"])

    def _content(self, path: Path) -> str:
        """The digest of a file, or of all files of a folder with their paths; a finished step changes no file."""
        if str(path) not in self._digests:
            files = sorted(path.rglob("*")) if path.is_dir() else [path]
            listed = [(str(file.relative_to(path)), file_digest(file)) for file in files if file.is_file()]
            self._digests[str(path)] = hashlib.sha256(json.dumps(listed).encode()).hexdigest()
        return self._digests[str(path)]


@contextmanager
def kept_steps(folder: Path, key: str, *, fresh: bool, elsewhere: bool = False) -> Iterator[KeptSteps]:
    """The training of this key that an earlier start left unfinished, and that nobody works on; else a new one.

    Args:
        folder: of a new training's run, beside those of earlier ones.
        key: :func:`key_of` the training.
        fresh: whether earlier starts do not count.
        elsewhere: whether its runs are recorded outside of this home. Then a copy of the home does not go on with
            what the original may go on with: both would write into one run.
    """
    with ExitStack() as stack:
        for note in [] if fresh else sorted(folder.parent.glob(f"*/{NOTE}"), reverse=True):
            known = json.loads(note.read_text(encoding="utf-8"))
            if known["key"] != key or (elsewhere and _of_another_home(note, known.get("folder"))):
                continue
            if locked(stack, note):
                found = len(list((note.parent / "steps").glob("*.json")))
                yield KeptSteps(note.parent, known["job"], found)
                return
        folder = _made(folder)
        note, job = folder / NOTE, uuid.uuid4().hex
        part = note.with_suffix(".part")
        part.write_text(json.dumps({"key": key, "job": job, "folder": str(folder)}), encoding="utf-8")
        locked(stack, part)  # before another start of the same training can see it
        part.replace(note)
        yield KeptSteps(folder, job)


def key_of(arguments: Mapping[str, Any], settings: Settings, *parts: object) -> str:
    """What a training is of: arguments, the state of its data and of named files, the code and all packages."""
    named = [value for value in settings.flat().values() if isinstance(value, str) and Path(value).is_absolute()]
    packages = sorted(f"{each.name}=={each.version}" for each in metadata.distributions())
    data = [_state(str(arguments[name]), settings.leave_out_unlabelled) for name in ("data", "faces")]
    text = json.dumps(
        [_wherever_home_is(arguments), data, _stamps(named), code_digest(), packages, parts],
        sort_keys=True,
        default=str,
    )
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def in_home(uri: str) -> bool:
    """Whether a path, or the path of a database's address, lies in the home."""
    return f"{state_folder()}/" in uri


def _wherever_home_is(arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Arguments without the home's own path, by which they are the same after the home was moved."""
    there = f"{state_folder()}/"
    return {
        name: value.replace(there, "home/") if name in _PLACES and isinstance(value, str) else value
        for name, value in arguments.items()
    }


def _of_another_home(note: Path, folder: str | None) -> bool:
    """Whether a training was begun in another home, of which this one is a copy, and waits there still."""
    begun = Path(folder or note.parent, NOTE)
    if not begun.exists() or begun.samefile(note):
        return False
    logger.warning("an interrupted training is left to the home that this one is a copy of: %s", begun.parent)
    return True


def _state(uri: str, leave_out_unlabelled: bool) -> Any:
    """Every file of a data set as it is: where it lies, its size and time, or in S3 its version."""
    if not uri:
        return []
    images = unit_of(uri) == "images"
    rows = read_faces(uri) if images else load_clips(uri, leave_out_unlabelled=leave_out_unlabelled)
    return _stamps([uri, *(row.uri for row in rows)])


def _stamps(uris: list[str]) -> Any:
    remote = versions([uri for uri in uris if is_remote(uri)])
    found: list[list[Any]] = []
    for uri in dict.fromkeys(uris):
        path = Path(uri)
        if is_remote(uri):
            found.append([uri, remote.get(uri, "")])
        elif path.is_file():
            state = path.stat()
            found.append([uri, state.st_size, state.st_mtime_ns])
    return found


def _made(folder: Path) -> Path:
    """A new folder of this name, or of a longer one where others start within the same second."""
    while True:
        try:
            folder.mkdir(parents=True)
        except FileExistsError:
            folder = folder.with_name(f"{folder.name}-again")
        else:
            return folder
