"""A trained ensemble: asked about a file, a prepared clip, or a table of clips."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from affekt.ensemble.answer import Answer
from affekt.ensemble.assembly import MANIFEST, read_manifest, require_extensions
from affekt.ensemble.face import Face
from affekt.errors import AffektError, DataError, MediaError, as_affekt_error
from affekt.extensions import model_spec
from affekt.fusion import Fusion, PersonFusion
from affekt.media import PreparedClip, PreparedIndex, prepare_file
from affekt.media.person import PROMINENT
from affekt.models.members import Members
from affekt.progress import track
from affekt.score_table import ScoreTable
from affekt.settings import Settings, settings_of_stored
from affekt.settings.limits import with_limits
from affekt.storage import file_digest
from affekt.store.entries import Store

_WARNINGS = {
    "no_face": "no face was found: answered from the voice alone",
    "no_sound": "there is no sound: answered from the face alone",
    "silent": "the sound is silent: answered from the face alone",
    "short_sound": "the sound is very short",
    "no_voice": "the sound holds no voice (noise, music or tones): answered from the face alone",
    "other_sound": "the sound marked as default holds no voice: another one that does was heard",
    "several_sounds": "the file holds several sounds: the default one was heard",
    "several_videos": "the file holds several pictures: the default one that moves was seen",
    "truncated": "the file is truncated: answered from its readable part",
    "black_frames": "some frames are black",
}
_ALONE = "no other clip of the person can be used: answered from this one alone"


@dataclass(frozen=True)
class _Seen:
    """What is kept of a clip for its answer: many clips of a person do not fit into memory with all their faces."""

    where: str
    scores: np.ndarray
    frames: int
    frames_with_face: int
    flags: tuple[str, ...]
    face: Face | None
    pixels: int


class Ensemble:
    """All members and their fusion. Load one with :meth:`load`."""

    def __init__(
        self,
        folder: Path,
        manifest: Mapping[str, Any],
        settings: Settings,
        members: Members,
        fusion: Fusion,
        fusion_person: Fusion | None = None,
    ) -> None:
        self.folder = folder
        self.manifest = manifest
        self.settings = settings
        self.labels: tuple[str, ...] = tuple(manifest["labels"])
        self.models: tuple[str, ...] = tuple(manifest["models"])
        self.digest = self.digest_of(folder)
        self._members, self._fusion = members, fusion
        self._person = PersonFusion(fusion, fusion_person) if fusion_person else None

    @classmethod
    def load(cls, folder: str | Path) -> Ensemble:
        """The ensemble in a folder that :func:`affekt.ensemble.assemble` wrote.

        Raises:
            DataError: it is not an ensemble, a file is missing or does not match its digest, or a package is not
                installed with which it was trained.
        """
        folder = Path(folder)
        manifest = read_manifest(folder)
        require_extensions(manifest, str(folder))
        settings = settings_of_stored(manifest["settings"])
        members = {name: folder / "members" / name for name in manifest["members"]}
        loaded = Members.load(members, packages=manifest.get("offered_by"))
        adapts = "fusion_person/fusion.json" in manifest["files"]
        person = Fusion.load(folder / "fusion_person") if adapts else None
        return cls(folder, manifest, settings, loaded, Fusion.load(folder / "fusion"), person)

    @staticmethod
    def digest_of(folder: Path) -> str:
        """The first 16 digits of the manifest's SHA-256; the manifest holds the digests of all files."""
        return file_digest(folder / MANIFEST)[:16]

    def prepare(self, path: str | Path, who: str = PROMINENT) -> PreparedClip:
        """A media file as the members see it: with the crops and the sound that they were trained on.

        Args:
            path: of the file.
            who: the person who is judged, where several are seen (:data:`affekt.media.person.CHOICES`, or a number).

        Raises:
            MediaError: the file cannot be read, is over a limit, or holds neither a face nor usable sound.
        """
        return prepare_file(path, self.settings.media, who)

    def predict_file(self, path: str | Path) -> Answer:
        """The answer for one media file.

        Raises:
            MediaError: the file cannot be read, is over a limit, or holds neither a face nor usable sound.
        """
        return self.predict(self.prepare(path), where=str(path))

    def predict(self, clip: PreparedClip, *, where: str = "clip") -> Answer:
        """The answer for a prepared clip.

        Raises:
            MediaError: no model has an answer.
        """
        seen = self._seen(clip, where)
        return self._answer(seen, self._fusion.predict(seen.scores[np.newaxis])[0])

    def predict_person(self, clips: Sequence[PreparedClip], *, where: Sequence[str] = ()) -> list[Answer]:
        """The answers for prepared clips of one person, adapted among each other (:mod:`affekt.fusion.person`).

        Each answer's ``models`` are not adapted. A clip without another usable one is answered as :meth:`predict` does.

        Args:
            clips: of one person, who should show several emotions in them.
            where: what an error calls each clip.

        Raises:
            DataError: the ensemble has no adaptation.
            MediaError: no model has an answer for one of the clips.
        """
        names = where or [f"clip {number}" for number in range(1, len(clips) + 1)]
        answers = []
        for answer in self._answers_of_person([self._seen(*pair) for pair in zip(clips, names, strict=True)]):
            if isinstance(answer, MediaError):
                raise answer
            answers.append(answer)
        return answers

    def predict_files_of_person(self, paths: Sequence[str | Path], who: str = PROMINENT) -> list[Answer | AffektError]:
        """As :meth:`predict_person` for media files; one that cannot be answered has its error in its place.

        ``who`` is the person in each of them, as :meth:`prepare` takes it.

        Raises:
            DataError: the ensemble has no adaptation.
        """
        self._adaptation()
        errors: dict[int, AffektError] = {}
        seen = []
        for number, path in enumerate(paths):
            try:
                seen.append(self._seen(self.prepare(path, who), str(path)))
            except (AffektError, OSError) as error:
                errors[number] = as_affekt_error(error)
        answers = iter(self._answers_of_person(seen))
        return [errors[number] if number in errors else next(answers) for number in range(len(paths))]

    def with_limits(self, overrides: Sequence[str]) -> Ensemble:
        """The same ensemble with other limits on media files, as ``media.max_seconds=600``; no answer changes.

        Raises:
            SettingsError: an override is no limit, or not a possible value.
        """
        changed = copy.copy(self)
        changed.settings = replace(self.settings, media=with_limits(self.settings.media, overrides))
        return changed

    @property
    def adapts(self) -> bool:
        """Whether it was stored with an adaptation to a person."""
        return self._person is not None

    def answers_of_people(self, table: ScoreTable) -> np.ndarray:
        """Fused probabilities ``[N, L]`` of what :meth:`score_index` returned, each subject's clips adapted together.

        Raises:
            DataError: the ensemble has no adaptation.
        """
        return self._adaptation().predict(table.scores, table.subjects)

    def _adaptation(self) -> PersonFusion:
        if self._person is None:
            raise DataError(
                "the ensemble has no adaptation to a person: it was stored before there was one, or nothing was fitted "
                "on clips; train it again",
                code="no_adaptation",
                where=str(self.folder),
            )
        return self._person

    def _answers_of_person(self, clips: Sequence[_Seen]) -> list[Answer | MediaError]:
        fusion = self._adaptation()
        if not clips:
            return []
        fused = fusion.predict(np.stack([clip.scores for clip in clips]), ["person"] * len(clips))
        alone = (~np.isnan(fused).any(axis=1)).sum() == 1
        found: list[Answer | MediaError] = []
        for clip, vector in zip(clips, fused, strict=True):
            try:
                answer = self._answer(clip, vector)
            except MediaError as error:
                found.append(error)
            else:
                found.append(replace(answer, warnings=(*answer.warnings, _ALONE)) if alone else answer)
        return found

    def _seen(self, clip: PreparedClip, where: str) -> _Seen:
        pixels = int(clip.details.get("width", 0)) * int(clip.details.get("height", 0))
        scores, present = self.scores(clip), clip.present
        return _Seen(where, scores, len(present), int(present.sum()), clip.flags, Face.of(clip), pixels)

    def _answer(self, clip: _Seen, fused: np.ndarray) -> Answer:
        if np.isnan(fused).any():
            raise MediaError(
                f"no model has an answer; {', '.join(self.models)} need a usable "
                f"{' or '.join(sorted({' and '.join(model_spec(name).modalities) for name in self.models}, key=len))}",
                code="nothing_usable",
                where=clip.where,
            )
        answered = [m for m in range(len(self.models)) if not np.isnan(clip.scores[m]).any()]
        used = {modality for m in answered for modality in model_spec(self.models[m]).modalities}
        return Answer(
            label=self.labels[int(fused.argmax())],
            probabilities=self._named(fused),
            models={self.models[m]: self._named(clip.scores[m]) for m in answered},
            modalities=tuple(name for name in ("face", "voice") if name in used),
            frames=clip.frames,
            frames_with_face=clip.frames_with_face,
            warnings=(
                *(_WARNINGS.get(flag, flag.replace("_", " ")) for flag in clip.flags if flag != "several_faces"),
                *self._scaled_down(clip.pixels),
                *(clip.face.warnings if clip.face else ()),
            ),
            face=clip.face,
        )

    def _scaled_down(self, pixels: int) -> tuple[str, ...]:
        """A word on a photograph that is larger than a picture of a video may be."""
        if pixels <= self.settings.media.max_pixels:
            return ()
        return (f"the picture of {pixels / 1e6:.0f} megapixels was scaled down",)

    def scores(self, clip: PreparedClip) -> np.ndarray:
        """Float64 ``[M, L]``: each fused model's probabilities; NaN where a model has no answer."""
        vectors = self._members.score(clip)
        missing = np.full(len(self.labels), np.nan)
        return np.stack([vectors.get(name, missing) for name in self.models])

    @property
    def image_model(self) -> str | None:
        """The member that answers still images alone, if there is one."""
        return self._members.of_images

    def score_faces(self, pictures: np.ndarray) -> np.ndarray:
        """Probabilities ``[N, L]`` of still faces, uint8 ``[N, S, S, 3]`` with ``media.face_size`` a side.

        Raises:
            DataError: ``no_image_model``: no member answers still images.
        """
        return self._members.score_faces(pictures)

    def score_index(self, index: PreparedIndex, store: Store) -> tuple[ScoreTable, np.ndarray]:
        """The score table ``[N, M, L]`` of prepared clips, and the fused probabilities ``[N, L]``.

        The store must have been made with this ensemble's media settings. :meth:`answers_of_people` takes the table.
        """
        rows = list(index)
        scores = np.full((len(rows), len(self.models), len(self.labels)), np.nan)
        for number, row in enumerate(track(rows, "score", len(rows))):
            scores[number] = self.scores(store.get(row.key))
        truth = [self.labels.index(row.label) if row.label in self.labels else -1 for row in rows]
        table = ScoreTable(
            tuple(row.clip for row in rows),
            self.labels,
            self.models,
            scores,
            np.array(truth, dtype=int),
            tuple(row.subject for row in rows),
            tuple(row.split for row in rows),
        )
        return table, self._fusion.predict(scores)

    def _named(self, vector: np.ndarray) -> dict[str, float]:
        return {label: float(value) for label, value in zip(self.labels, vector, strict=True)}
