"""Three lines of Python: load a model, ask it about clips, look at the answers."""

from __future__ import annotations

import base64
import html
import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, overload

import numpy as np

from affekt.dataset.media_files import media_files
from affekt.ensemble.answer import Answer
from affekt.ensemble.assembly import is_ensemble
from affekt.ensemble.ensemble import Ensemble
from affekt.ensemble.exported import open_exported
from affekt.errors import AffektError, as_affekt_error
from affekt.progress import track
from affekt.report.sentence import sentence

if TYPE_CHECKING:
    import pandas

    from affekt.check import CheckReport
    from affekt.media import PreparedClip

#: What :meth:`Model.predict` answers: a media file by its path.
PathLike = str | Path


@dataclass(frozen=True)
class Prediction(Answer):
    """What a model says of one clip; in a notebook it shows itself.

    Attributes:
        file: the clip, as it was named; ``""`` for arrays.
        thumbnail: JPEG of the judged face in the middle of the clip; empty where there is none.
    """

    file: str = ""
    thumbnail: bytes = field(default=b"", repr=False)

    @property
    def error(self) -> None:
        """There is none; the entries of :class:`Predictions` all have this attribute."""
        return None

    def to_dict(self) -> dict[str, Any]:
        """As ``affekt predict --json`` prints it."""
        return {"file": self.file, **super().to_dict()}

    def __str__(self) -> str:
        return f"{self.file or 'clip'}: {sentence(self.to_dict())}"

    def _repr_html_(self) -> str:
        """The judged face, a bar for each label, and the warnings."""
        face = ""
        if self.thumbnail:
            picture = base64.b64encode(self.thumbnail).decode()
            face = f'<img alt="the judged face" style="border-radius:4px" src="data:image/jpeg;base64,{picture}">'
        bars = "".join(_bar(label, value, value == self.confidence) for label, value in self.probabilities.items())
        notes = "".join(f"<li>{html.escape(text)}</li>" for text in self.warnings)
        return (
            '<div style="display:flex;gap:1em;align-items:flex-start;font-family:sans-serif">'
            f"{face}<div><strong>{html.escape(self.label)}</strong> {self.confidence:.0%} "
            f"<small>{html.escape(self.file)} · from {' and '.join(self.modalities)}</small>"
            f'<table style="border-collapse:collapse">{bars}</table>'
            f"{f'<ul>{notes}</ul>' if notes else ''}</div></div>"
        )


@dataclass(frozen=True)
class Failure:
    """A clip without an answer: one bad file never ends the others.

    Attributes:
        file: the clip, as it was named.
        error: why; its ``code`` is a stable word.
    """

    file: str
    error: AffektError

    def to_dict(self) -> dict[str, Any]:
        """As ``affekt predict --json`` prints it."""
        return {"file": self.file, "error": {"code": self.error.code, "message": self.error.message}}

    def __str__(self) -> str:
        return f"{self.file}: error: {self.error.message}"

    def _repr_html_(self) -> str:
        return f"<div>{html.escape(self.file)}: <em>{html.escape(self.error.message)}</em></div>"


@dataclass(frozen=True)
class Predictions(Sequence[Prediction | Failure]):
    """One entry a clip, in the order in which they were asked for."""

    entries: tuple[Prediction | Failure, ...]

    def __len__(self) -> int:
        return len(self.entries)

    @overload
    def __getitem__(self, index: int) -> Prediction | Failure: ...

    @overload
    def __getitem__(self, index: slice) -> Predictions: ...

    def __getitem__(self, index: int | slice) -> Prediction | Failure | Predictions:
        return Predictions(self.entries[index]) if isinstance(index, slice) else self.entries[index]

    def __iter__(self) -> Iterator[Prediction | Failure]:
        return iter(self.entries)

    def to_pandas(self) -> pandas.DataFrame:
        """A row a clip: ``file``, ``label``, ``confidence``, a column for each label, ``modalities``, ``error``."""
        import pandas  # heavy, and only this needs it

        rows: list[dict[str, str | float]] = []
        for entry in self.entries:
            if isinstance(entry, Failure):
                rows.append({"file": entry.file, "error": entry.error.message})
            else:
                said: dict[str, str | float] = {
                    "file": entry.file,
                    "label": entry.label,
                    "confidence": entry.confidence,
                }
                rows.append({**said, **entry.probabilities, "modalities": "+".join(entry.modalities), "error": ""})
        return pandas.DataFrame(rows)

    def __str__(self) -> str:
        return "\n".join(str(entry) for entry in self.entries)

    def _repr_html_(self) -> str:
        return "".join(entry._repr_html_() for entry in self.entries)


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
        frame_rate: float = ...,
        sound: np.ndarray | None = ...,
        sample_rate: int = ...,
    ) -> Prediction: ...

    @overload
    def predict(self, clips: list[PathLike] | tuple[PathLike, ...]) -> Predictions: ...

    def predict(
        self,
        clips: PathLike | np.ndarray | list[PathLike] | tuple[PathLike, ...],
        *,
        frame_rate: float = 25.0,
        sound: np.ndarray | None = None,
        sample_rate: int = 16000,
    ) -> Prediction | Predictions:
        """Tell the emotion in a clip, in several, in all of a folder, or in arrays.

        Args:
            clips: a media file; a list of them; a folder, whose media files are answered in the order of their names;
                or frames uint8 ``[T, H, W, 3]`` RGB.
            frame_rate: of the frames, a second.
            sound: of the frames, float in [-1, 1] or int16, ``[n]`` or ``[n, channels]``; None for none.
            sample_rate: of the sound, Hz.

        Returns:
            For a file or arrays one :class:`Prediction`; for a list or a folder :class:`Predictions`, in which a clip
            without an answer is a :class:`Failure`.

        Raises:
            MediaError: the one file cannot be read or holds neither a face nor usable sound.
            DataError: a folder holds no media file.
        """
        if isinstance(clips, np.ndarray):
            from affekt.media.arrays import clip_of_arrays  # starts a decoder, which files bring with them

            with clip_of_arrays(clips, frame_rate, sound, sample_rate) as file:
                return self._answer(file, "")
        if isinstance(clips, str | Path):
            path = Path(clips)
            if not path.is_dir():
                return self._answer(path, str(clips))
            clips = list[PathLike](media_files(str(path)))
        entries: list[Prediction | Failure] = []
        for name in track(list(clips), "predict", len(clips)):
            try:
                entries.append(self._answer(Path(name), str(name)))
            except (AffektError, OSError) as error:
                entries.append(Failure(str(name), as_affekt_error(error)))
        return Predictions(tuple(entries))

    def _answer(self, path: Path, name: str) -> Prediction:
        clip = self.ensemble.prepare(path)
        return _prediction(name, self.ensemble.predict(clip, where=name or "the arrays"), clip)


def load(reference: str | Path = "affekt@champion") -> Model:
    """A model that answers.

    Args:
        reference: ``name@champion``, ``name/7``, the folder of an ensemble, or a file that ``affekt models export``
            wrote.

    Raises:
        AffektError: nothing of that name, alias or version is registered; the message lists what is.
        DataError: the folder or the file holds no ensemble, or it is damaged.
    """
    path = Path(reference).expanduser()
    if path.is_file() and zipfile.is_zipfile(path):
        return Model(str(reference), Ensemble.load(open_exported(path)))
    if is_ensemble(path):
        return Model(str(reference), Ensemble.load(path))
    from affekt.registry import Tracking, resolve  # MLflow, which a folder does not need

    return Model(str(reference), Ensemble.load(resolve(reference, Tracking())))


def check(data: str | Path) -> CheckReport:
    """Everything that is wrong with a data set; ``print`` it, or look at ``ok``, ``errors`` and ``warnings``."""
    from affekt.check import check_source  # reads media headers, which answers do not need

    return check_source(str(data))


def _prediction(name: str, answer: Answer, clip: PreparedClip) -> Prediction:
    from affekt.report.thumbnails import thumbnail  # OpenCV, which has decoded the clip already

    frames = clip.face_frames
    picture = thumbnail(np.asarray(clip.faces[frames[len(frames) // 2]])) if len(frames) else b""
    return Prediction(
        **{item.name: getattr(answer, item.name) for item in fields(answer)}, file=name, thumbnail=picture
    )


def _bar(label: str, value: float, chosen: bool) -> str:
    colour = "#1f6feb" if chosen else "#9aa4b2"
    return (
        f'<tr><td style="padding:0 .6em 0 0">{html.escape(label)}</td><td style="width:12em">'
        f'<div style="background:{colour};height:.8em;width:{100 * value:.1f}%"></div></td>'
        f'<td style="padding-left:.6em;text-align:right">{value:.0%}</td></tr>'
    )
