"""A trained model that answers, and where it comes from."""

from __future__ import annotations

import zipfile
from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path
from typing import overload

import numpy as np

from affekt.api.predictions import Failure, Prediction, Predictions
from affekt.dataset.media_files import media_files
from affekt.ensemble.answer import Answer
from affekt.ensemble.asking import look_at
from affekt.ensemble.ensemble import Ensemble
from affekt.ensemble.exported import open_exported
from affekt.ensemble.manifest import is_ensemble
from affekt.ensemble.seen import Seen
from affekt.errors import AffektError, UsageError, affekt_errors, rebuilt
from affekt.media.person import PROMINENT, check_choice
from affekt.progress import track
from affekt.storage import is_remote, open_local

#: A media file by its path.
PathLike = str | Path


class Model:
    """A trained ensemble that answers; :func:`load` gives one."""

    def __init__(self, reference: str, ensemble: Ensemble) -> None:
        self.reference = reference
        self.ensemble = ensemble

    @property
    def labels(self) -> tuple[str, ...]:
        """The labels that it tells apart."""
        return self.ensemble.labels

    @property
    def members(self) -> tuple[str, ...]:
        """The models whose answers are fused."""
        return self.ensemble.models

    def __repr__(self) -> str:
        return f"<affekt model {self.reference}: {', '.join(self.members)}; {', '.join(self.labels)}>"

    @overload
    def predict(
        self,
        clips: PathLike | np.ndarray,
        *,
        person: str | int = ...,
        labels: Sequence[str] = ...,
        frame_rate: float = ...,
        sound: np.ndarray | None = ...,
        sample_rate: int = ...,
    ) -> Prediction: ...

    @overload
    def predict(
        self, clips: list[PathLike] | tuple[PathLike, ...], *, person: str | int = ..., labels: Sequence[str] = ...
    ) -> Predictions: ...

    def predict(
        self,
        clips: PathLike | np.ndarray | list[PathLike] | tuple[PathLike, ...],
        *,
        person: str | int = PROMINENT,
        labels: Sequence[str] = (),
        frame_rate: float = 25.0,
        sound: np.ndarray | None = None,
        sample_rate: int = 16000,
    ) -> Prediction | Predictions:
        """Tell the emotion in a clip, in several, in all of a folder, or in arrays.

        Args:
            clips: a media file, local or ``s3://``; a list of them; a folder, whose media files are answered in the
                order of their names; or frames uint8 ``[T, H, W, 3]`` RGB, or one picture ``[H, W, 3]``.
            person: who is analysed where several people are seen: ``left``, ``right``, ``largest``, ``longest``, or a
                number counted from the left; by default who is seen longest, largest and most central.
            labels: those that can be right, where that is known: the answers are among them.
            frame_rate: of the frames, a second.
            sound: of the frames, float in [-1, 1] or int16, ``[n]`` or ``[n, channels]``; None for none.
            sample_rate: of the sound, Hz.

        Returns:
            For a file or arrays one :class:`Prediction`; for a list or a folder :class:`Predictions`, in which a clip
            without an answer is a :class:`Failure`.

        Raises:
            MediaError: the one file cannot be read, holds neither a face nor usable sound, or does not show the
                person; or no person has such a name.
            DataError: a folder holds no media file; or one of ``labels`` is unknown, or there is only one.
            UsageError: ``clips`` is nothing of that kind, or sound is given for files, which have their own.
        """
        if isinstance(clips, list | tuple):
            for each in clips:
                _check_path(each, "paths in a list (pictures become frames by np.stack)")
        elif not isinstance(clips, np.ndarray):
            _check_path(clips, "a path, a list of paths, or frames uint8 [T, H, W, 3]")
        if sound is not None and not isinstance(clips, np.ndarray):
            raise UsageError("sound belongs to frames; a file has its own, so leave it out", code="usage")
        who = str(person)
        check_choice(who)
        ensemble = self.ensemble.among(labels)
        if isinstance(clips, np.ndarray):
            from affekt.media.arrays import clip_of_arrays  # starts a decoder, which files bring with them

            with clip_of_arrays(clips, frame_rate, sound, sample_rate) as file:
                try:
                    return _answer(ensemble, file, "", who)
                except AffektError as error:  # the file is there for the decoder alone
                    raise rebuilt(type(error).__name__, error.message, error.code, "the arrays") from error
        if isinstance(clips, str | Path):
            path = Path(clips)
            if is_remote(str(clips)):
                with affekt_errors(), open_local(str(clips)) as file:
                    return _answer(ensemble, file, str(clips), who)
            if not path.is_dir():
                with affekt_errors():
                    return _answer(ensemble, path, str(clips), who)
            clips = list[PathLike](media_files(str(path)))
        names = [str(name) for name in clips]
        looked = track(look_at(ensemble, names, who, pictures=True), "predict", len(names))
        return Predictions(tuple(_entry(ensemble, name, seen) for name, seen in zip(names, looked, strict=True)))


def load(reference: str | Path = "affekt@champion") -> Model:
    """A model that answers.

    Args:
        reference: ``name@champion``, ``name/7``, the folder of an ensemble, or a file that ``affekt models export``
            wrote.

    Raises:
        AffektError: nothing of that name, alias or version is registered; the message lists what is.
        DataError: the folder or the file holds no ensemble, or it is damaged.
        UsageError: ``reference`` is neither a text nor a path.
    """
    if not isinstance(reference, str | Path):
        raise UsageError(f"expected a name or a path, got {type(reference).__name__}", code="usage")
    path = Path(reference).expanduser()
    with affekt_errors():
        if path.is_file() and zipfile.is_zipfile(path):
            return Model(str(reference), Ensemble.load(open_exported(path)))
        if is_ensemble(path):
            return Model(str(reference), Ensemble.load(path))
        from affekt.registry import Tracking, resolve  # MLflow, which a folder does not need

        return Model(str(reference), Ensemble.load(resolve(reference, Tracking())))


def _check_path(given: object, expected: str) -> None:
    if not isinstance(given, str | Path) or given == "":
        found = "an empty text" if isinstance(given, str) else type(given).__name__
        raise UsageError(f"expected {expected}, got {found}", code="usage")


def _prediction(name: str, answer: Answer, face: np.ndarray | None) -> Prediction:
    from affekt.report.thumbnails import thumbnail  # OpenCV, which has decoded the clip already

    known = {item.name: getattr(answer, item.name) for item in fields(answer)}
    return Prediction(**known, file=name, thumbnail=b"" if face is None else thumbnail(face))


def _entry(ensemble: Ensemble, name: str, seen: Seen | AffektError) -> Prediction | Failure:
    try:
        if isinstance(seen, AffektError):
            raise seen
        return _prediction(name, ensemble.answer(seen), seen.picture)
    except AffektError as error:
        return Failure(name, error)


def _answer(ensemble: Ensemble, path: Path, name: str, who: str) -> Prediction:
    clip, seen = ensemble.look_in(path, name or "the arrays", who)
    return _prediction(name, ensemble.answer(seen), clip.middle_face)
