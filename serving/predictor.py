"""Answers for clips in one folder by an ensemble, as a status and a JSON document: what every engine runs."""

from __future__ import annotations

import json
import logging
import stat
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from affekt.argument_names import arguments_named
from affekt.ensemble import Ensemble
from affekt.ensemble.carried import trials_in
from affekt.ensemble.earlier import Earlier
from affekt.ensemble.explained import Explanations
from affekt.ensemble.timeline import EVERY, timeline
from affekt.ensemble.trials import answer_of
from affekt.errors import AffektError, MediaError
from affekt.media.deadline import Deadline
from affekt.serving.behind import behind
from affekt.serving.confined import confine
from affekt.serving.inner_fields import PERSON, TIMINGS
from affekt.serving.recorder import recorder_of
from affekt.stages import timed

logger = logging.getLogger(__name__)

#: Clips over a limit; all other faults of a clip are 400.
TOO_MUCH = frozenset({"too_large", "too_long", "too_many_pixels", "timeout"})
#: The name of the reason for a clip that nobody waits for.
GONE = "gone"

Reply = tuple[int, dict[str, Any]]


class Predictor:
    """Answers tasks of the door. Build with :meth:`load`.

    Args:
        ensemble: that answers.
        model: what an answer says of the model: its ``name`` and ``version``; the digest is added.
        inbox: the folder in which the door puts clips; no other file is read.
    """

    def __init__(self, ensemble: Ensemble, model: Mapping[str, str], inbox: Path) -> None:
        self.ensemble = ensemble
        self.model = {**model, "digest": ensemble.digest}
        self.inbox = inbox
        self._explanations = Explanations(ensemble)

    @classmethod
    def load(
        cls,
        folder: Path,
        model: Mapping[str, str],
        inbox: Path,
        *,
        scratch: Path | None = None,
        beside: bool = False,
    ) -> Predictor:
        """Load the ensemble in a folder; its answers are recorded where the environment asks for that.

        Args:
            folder: of the ensemble.
            model: as for the class.
            inbox: likewise.
            scratch: the folder for temporary files; where given, this thread is confined to it
                (:mod:`affekt.serving.confined`), and to what it reads.
            beside: another version answers meanwhile: it is left the processor, and what a first answer pays for is
                paid for here.

        Raises:
            DataError: as :meth:`affekt.ensemble.Ensemble.load`.
        """
        ensemble = behind(partial(_warmed, folder)) if beside else Ensemble.load(folder)
        ensemble.listener = recorder_of(ensemble)
        if scratch is not None:
            tempfile.tempdir = str(scratch)
            confine([folder.resolve(), inbox], scratch)
        return cls(ensemble, model, inbox)

    def reply(self, task: Mapping[str, Any]) -> Reply:
        """What is answered to a task.

        Args:
            task: ``clip``, the name of a file in the inbox; ``kind``: ``answer``, which is the default, ``timeline``
                with ``every`` seconds, or ``explanations`` with ``label`` and ``frames``; ``labels``, those that can
                be right, all by default; of an answer also ``person``, what the person's earlier clips showed
                (:meth:`affekt.ensemble.earlier.Earlier.to_dict`; empty at the first), to which it is adapted; and
                ``behind``, whether others go first (:mod:`affekt.serving.behind`).

        Returns:
            200 and the answer with ``model`` added; or ``{"error": {"code", "message"}}`` with 400 or 413 where the
            clip is the reason, 500 or 507 where the server is.
        """
        if task.get("behind"):
            return behind(partial(self.reply, {**task, "behind": False}))
        asked = {"answer": self._answer, "timeline": self._timeline, "explanations": self._explained}
        kind = str(task.get("kind", "answer"))

        def document() -> dict[str, Any]:
            clip = self._clip(task.get("clip"))
            deadline = _WhileWanted.of(self.ensemble.settings.media, clip)
            with timed() as seconds, arguments_named("commands"):
                said = _wanted(clip, partial(asked[kind], clip, task, deadline))
            return {**said, "model": self.model, TIMINGS: {name: round(took, 5) for name, took in seconds.items()}}

        return guarded(document)

    def _answer(self, clip: Path, task: Mapping[str, Any], deadline: Deadline) -> dict[str, Any]:
        if PERSON not in task:
            return self._ensemble(task).predict_file(clip, deadline).to_dict()
        answer, shown = self._ensemble(task).predict_after(clip, Earlier.from_dict(task[PERSON]), deadline)
        return {**answer.to_dict(), PERSON: shown.to_dict()}

    def _timeline(self, clip: Path, task: Mapping[str, Any], deadline: Deadline) -> dict[str, Any]:
        return timeline(self._ensemble(task), clip, float(task.get("every", EVERY)), deadline)

    def _ensemble(self, task: Mapping[str, Any]) -> Ensemble:
        return self.ensemble.among(task.get("labels") or ())

    def _explained(self, clip: Path, task: Mapping[str, Any], deadline: Deadline) -> dict[str, Any]:
        prepared, seen = self.ensemble.look_in(clip, clip.name, deadline=deadline)
        answer = self.ensemble.answer(seen)
        label, frames = task.get("label"), int(task.get("frames", 3))
        why = self._explanations.of(prepared, seen, answer, label=label, frames=frames)
        return {"answer": answer.to_dict(), "explanation": why}

    def _clip(self, name: Any) -> Path:
        """The file of a name, which may not lead out of the inbox."""
        if isinstance(name, str) and name and Path(name).name == name and name not in (".", ".."):
            path = self.inbox / name
            try:
                if stat.S_ISREG(path.lstat().st_mode):
                    return path
            except FileNotFoundError as error:
                raise _gone() from error
        raise AffektError("expected the name of a clip in the door's folder", code="bad_clip_name")


def _warmed(folder: Path) -> Ensemble:
    """The ensemble in a folder, which has been asked about a clip that it carries, where it carries one."""
    ensemble = Ensemble.load(folder)
    for trial in trials_in(folder, checked=False)[:1]:  # what was loaded was checked
        answer_of(ensemble, trial.clip)
    return ensemble


@dataclass(frozen=True)
class _WhileWanted(Deadline):
    """A deadline that is over too when the clip is taken away: whoever asked has gone."""

    def check(self, doing: str) -> None:
        super().check(doing)
        if not Path(self.where).exists():
            raise _gone()


def _gone() -> MediaError:
    return MediaError("nobody waits for this clip any more", code=GONE)


def _wanted(clip: Path, answer: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """What is answered; whatever goes wrong with a clip that was taken away meanwhile is that nobody waits for it."""
    try:
        return answer()
    except Exception as error:
        if clip.exists():
            raise
        raise _gone() from error


def guarded(answer: Any) -> Reply:
    """The status and the document of an answer, or of the error that it ends with; what the server failed at is logged.

    Args:
        answer: is called without arguments and gives a document.
    """
    try:
        document = answer()
        json.dumps(document, allow_nan=False)
        return 200, document
    except AffektError as error:
        return (413 if error.code in TOO_MUCH else 400), error_document(error.code, error.message)
    except MemoryError:
        logger.exception("out of memory with one clip")
        return 507, error_document("out_of_memory", "the server has too little memory for this clip")
    except Exception:
        logger.exception("one clip failed")
        return 500, error_document("internal", "the server failed with this clip; its log has the cause")


def error_document(code: str, message: str) -> dict[str, Any]:
    """The document of an error, the same everywhere."""
    return {"error": {"code": code, "message": message}}
