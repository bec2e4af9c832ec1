"""A trained ensemble: asked about a file, a prepared clip, or a table of clips."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from affekt.ensemble.among import labels_among, only_among
from affekt.ensemble.answer import Answer
from affekt.ensemble.copies import copies_among
from affekt.ensemble.earlier import Earlier, fused_after
from affekt.ensemble.fusions import Fusions
from affekt.ensemble.looked import seen_in, stacked
from affekt.ensemble.manifest import MANIFEST
from affekt.ensemble.one_person import COPY, adapted_together, person_scores
from affekt.ensemble.opened import Opened
from affekt.ensemble.seen import Seen
from affekt.ensemble.telling import answer_of
from affekt.errors import AffektError, MediaError
from affekt.media import PreparedClip, prepare_file
from affekt.media.deadline import Deadline
from affekt.media.person import PROMINENT
from affekt.models.member import Member, Scored
from affekt.models.members import Members
from affekt.score_table import ScoreTable
from affekt.settings import Settings
from affekt.settings.limits import with_limits
from affekt.stages import stage
from affekt.storage import file_digest


class Ensemble:
    """All members and their fusion. Load one with :meth:`load`."""

    def __init__(
        self,
        folder: Path,
        manifest: Mapping[str, Any],
        settings: Settings,
        members: Callable[[], Members],
        fusions: Fusions,
    ) -> None:
        self.folder = folder
        self.manifest = manifest
        self.settings = settings
        self.labels: tuple[str, ...] = tuple(manifest["labels"])
        self.models: tuple[str, ...] = tuple(manifest["models"])
        self.digest = self.digest_of(folder)
        self.listener: Callable[[PreparedClip, Answer], None] | None = None
        self.known: tuple[str, ...] = ()
        self._read, self._fusions = members, fusions

    @property
    def _members(self) -> Members:
        return self._read()

    def ready(self) -> None:
        """Read the members, where they are not read yet, and raise now what :meth:`load` would raise."""
        self._read()

    @classmethod
    def load(cls, folder: str | Path, *, later: bool = False, inference: str = "", precision: str = "auto") -> Ensemble:
        """The ensemble in a folder that :func:`affekt.ensemble.assemble` wrote.

        Args:
            folder: of the ensemble.
            later: whether its members are read at the first question; none comes where other processes look at clips.
            inference: what computes networks (the setting ``inference``); by default what the environment variable
                ``AFFEKT_INFERENCE`` says, or else what it was trained with.
            precision: that networks multiply in: ``auto`` is what this machine is quickest with, ``float`` the same
                without int8, or ``float32`` or ``bfloat16``.

        Raises:
            DataError: it is not an ensemble, a file is missing or does not match its digest, or a package is not
                installed with which it was trained.
        """
        folder = Path(folder)
        found = Opened.of(folder, inference, precision)
        if not later:
            found.members()
        return cls(folder, found.manifest, found.settings, found.members, found.fusions)

    @staticmethod
    def digest_of(folder: Path) -> str:
        """The first 16 digits of the manifest's SHA-256; the manifest holds the digests of all files."""
        return file_digest(folder / MANIFEST)[:16]

    def prepare(self, path: str | Path, who: str = PROMINENT, deadline: Deadline | None = None) -> PreparedClip:
        """A media file as the members see it: with the crops and the sound that they were trained on.

        Args:
            path: of the file.
            who: the person who is analysed, where several are seen (:data:`affekt.media.person.CHOICES`, or a number).
            deadline: until when; that of ``media.timeout_seconds`` from now on where not given.

        Raises:
            MediaError: the file cannot be read, is over a limit, or holds neither a face nor usable sound.
        """
        return prepare_file(path, self.settings.media, who, deadline)

    def predict_file(self, path: str | Path, deadline: Deadline | None = None) -> Answer:
        """The answer for one media file, of which :attr:`listener` is told, where there is one.

        Args:
            path: of the file.
            deadline: until when; that of ``media.timeout_seconds`` from now on where not given.

        Raises:
            MediaError: the file cannot be read, is over a limit, holds neither a face nor usable sound, or takes longer
                in all than ``media.timeout_seconds``.
        """
        return self._seen_in(path, deadline)[1]

    def predict_after(
        self, path: str | Path, earlier: Earlier, deadline: Deadline | None = None
    ) -> tuple[Answer, Earlier]:
        """The answer for one more media file of a person, and what the file adds to what is known of the person.

        The answer is that which :meth:`predict_person` gives the file among all of the person's clips, though of the
        earlier ones statistics alone are there; what all fused answers have in common is taken from those which the
        earlier clips got when they came. The first clip gets the answer of :meth:`predict_file`. A clip that is among
        the earlier ones is answered by the others, says so, and adds nothing.

        Args:
            path: of the file.
            earlier: what the person's earlier clips showed.
            deadline: as for :meth:`predict_file`, as are the errors.

        Raises:
            DataError: the ensemble has no adaptation.
        """
        fusion = self._fusions.adaptation()
        seen, answer = self._seen_in(path, deadline)
        found = fused_after(seen, self.models, self._members, fusion, earlier)
        if found.clips:
            answer = self._answer(seen, self._fusions.trusted(seen, found.fused), self.known)
        if found.again:
            answer = replace(answer, warnings=(COPY, *answer.warnings))
        return replace(answer, earlier_clips=found.clips), found.shown

    def _seen_in(self, path: str | Path, deadline: Deadline | None) -> tuple[Seen, Answer]:
        """What is seen in a media file, and the plain answer, of which the listener is told."""
        deadline = deadline or Deadline.of(self.settings.media, path)
        clip, seen = self.look_in(path, str(path), deadline=deadline)
        answer = self.answer(seen)
        if self.listener is not None:
            # What a caller knows of the labels is no news of the clips, by which drift is told.
            self.listener(clip, answer if not self.known else self._answer(seen, self._fusions.of_clip(seen), ()))
        return seen, answer

    def predict(self, clip: PreparedClip, *, where: str = "clip") -> Answer:
        """The answer for a prepared clip.

        Raises:
            MediaError: no model has an answer.
        """
        return self.answer(self.look(clip, where))

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
        for answer in self._answers_of_person([self.look(*pair) for pair in zip(clips, names, strict=True)]):
            if isinstance(answer, MediaError):
                raise answer
            answers.append(answer)
        return answers

    def answers_of_person(self, clips: Sequence[Seen | AffektError]) -> list[Answer | AffektError]:
        """As :meth:`predict_person` for what was seen in clips; an error stays in its place.

        Raises:
            DataError: the ensemble has no adaptation.
        """
        self._fusions.adaptation()
        answers = iter(self._answers_of_person([clip for clip in clips if isinstance(clip, Seen)]))
        return [next(answers) if isinstance(clip, Seen) else clip for clip in clips]

    def with_limits(self, overrides: Sequence[str]) -> Ensemble:
        """The same ensemble with other limits on media files, as ``media.max_seconds=600``; no answer changes.

        Raises:
            SettingsError: an override is no limit, or not a possible value.
        """
        changed = copy.copy(self)
        changed.settings = replace(self.settings, media=with_limits(self.settings.media, overrides))
        return changed

    def among(self, known: Sequence[str]) -> Ensemble:
        """The same ensemble where only these labels can be right: its answers are among them, and say so.

        Args:
            known: two labels or more, in any known spelling; all are possible where it is empty.

        Raises:
            DataError: as :func:`affekt.ensemble.among.labels_among`.
        """
        if not known:
            return self
        changed = copy.copy(self)
        changed.known = labels_among(self.labels, known)
        return changed

    @property
    def adapts(self) -> bool:
        """Whether it was stored with an adaptation to a person."""
        return self._fusions.person is not None

    def answers_of_people(self, table: ScoreTable) -> np.ndarray:
        """Fused probabilities ``[N, L]`` of a table that :func:`affekt.ensemble.score_index` gave.

        Each subject's clips are adapted together; copies of a clip count once.

        Raises:
            DataError: the ensemble has no adaptation.
        """
        first, kinds = copies_among(table.subjects, list(table.scores))
        return self._possible(self._fusions.of_people(table.rows(first))[kinds])

    def unlike(self, table: ScoreTable) -> np.ndarray | None:
        """Bool ``[N]``: which clips of such a table are unlike those that were learned from; None where none is known.

        Of these an answer has a warning (:mod:`affekt.ensemble.depth`).
        """
        return self._fusions.unlike(table.distance)

    def person_scores(
        self, scores: np.ndarray, rows: Sequence[Mapping[str, np.ndarray]], subjects: Sequence[str]
    ) -> np.ndarray | None:
        """What the models answer that adapt to a person by features, float64 ``[N, M, L]``; NaN for the others.

        Args:
            scores: float64 ``[N, M, L]``, each model's answers to the clips.
            rows: of each clip, ``rows`` of :class:`affekt.ensemble.seen.Seen`.
            subjects: N names; clips without one (``""``) are not adapted.
        """
        return person_scores(scores, rows, subjects, self.models, self._members)

    def _answers_of_person(self, clips: Sequence[Seen]) -> list[Answer | MediaError]:
        adapted = adapted_together(clips, self.models, self._members, self._fusions.adaptation())
        found: list[Answer | MediaError] = []
        for clip, own in zip(clips, adapted, strict=True):
            try:
                answer = self._answer(clip, self._fusions.trusted(clip, own.fused), self.known)
            except MediaError as error:
                found.append(error)
            else:
                found.append(replace(answer, warnings=(*own.warnings, *answer.warnings)))
        return found

    def look_in(
        self, path: str | Path, where: str, who: str = PROMINENT, deadline: Deadline | None = None
    ) -> tuple[PreparedClip, Seen]:
        """A media file as :meth:`prepare` gives it, and as :meth:`look` sees it.

        It takes less time than both do: faces are looked at while the voice is listened to, by two threads.

        Args:
            path: as for :meth:`prepare`.
            where: as for :meth:`look`.
            who: as for :meth:`prepare`.
            deadline: likewise.

        Raises:
            MediaError: as both.
        """
        deadline = deadline or Deadline.of(self.settings.media, path)
        looking = self._members.looking(deadline)
        clip = prepare_file(path, self.settings.media, who, deadline, looking.seen, looking.heard)
        return clip, self._seen(clip, where, looking.whole(clip))

    def look(self, clip: PreparedClip, where: str = "clip", deadline: Deadline | None = None) -> Seen:
        """What the members see in a prepared clip, which :meth:`answer` takes.

        Raises:
            MediaError: ``timeout``: the deadline was over before the last member was done.
        """
        return self._seen(clip, where, self._members.look(clip, deadline))

    def _seen(self, clip: PreparedClip, where: str, looked: Mapping[str, Scored]) -> Seen:
        return seen_in(clip, where, looked, self.models, self.labels)

    def answer(self, seen: Seen) -> Answer:
        """The answer for what was seen in a clip.

        Raises:
            MediaError: no model has an answer.
        """
        with stage("fusion"):
            fused = self._fusions.of_clip(seen)
        return self._answer(seen, fused, self.known)

    def _possible(self, fused: np.ndarray) -> np.ndarray:
        """Fused probabilities ``[…, L]`` among the labels that can be right."""
        return only_among(fused, self.labels, self.known) if self.known else fused

    def _answer(self, clip: Seen, fused: np.ndarray, known: tuple[str, ...]) -> Answer:
        lies = self._fusions.told(clip)
        max_pixels = self.settings.media.max_pixels
        return answer_of(clip, fused, self.labels, self.models, known=known, lies=lies, max_pixels=max_pixels)

    def scores(self, clip: PreparedClip, deadline: Deadline | None = None) -> np.ndarray:
        """Float64 ``[M, L]``: each fused model's probabilities; NaN where a model has no answer."""
        return stacked(self._members.score(clip, deadline), self.models, self.labels)

    def member(self, name: str) -> Member:
        """One of its members."""
        return self._members.member(name)

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

    def fused(self, scores: np.ndarray, distances: np.ndarray | None = None) -> np.ndarray:
        """Probabilities ``[N, L]`` from the members' scores ``[N, M, L]``; NaN where no model has an answer.

        Args:
            scores: of each model.
            distances: float64 ``[N, M]``, how far each clip lies from what each model learned from, NaN where it does
                not say; without them no answer is trusted less.
        """
        return self._possible(self._fusions.of_scores(scores, distances))
