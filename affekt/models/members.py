"""All members of an ensemble as one object: a prepared clip in, a score vector of each out."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from affekt.classifiers import Moments
from affekt.errors import DataError
from affekt.extensions import EXTENSIONS, model_spec, model_specs
from affekt.media.deadline import Deadline
from affekt.media.prepared import PreparedClip
from affekt.models.looking import Looking
from affekt.models.member import (
    HardwareChoice,
    ImageMember,
    Member,
    PersonMember,
    Scored,
    SessionMember,
    load_member,
)


class Members:
    """Trained members that answer together. Build with :meth:`load`.

    Attributes:
        labels: what the entries of a score vector mean; empty without any member.
    """

    def __init__(self, members: Mapping[str, Member]) -> None:
        self._members = dict(members)
        self._took: dict[str, float] = {}
        labels = {member.labels for member in members.values()}
        if len(labels) > 1:
            known = {name: member.labels for name, member in members.items()}
            raise DataError(f"the members know different labels: {known}", code="labels_differ")
        self.labels: tuple[str, ...] = labels.pop() if labels else ()

    @classmethod
    def load(
        cls, folders: Mapping[str, Path], *, device: str = "auto", precision: str = "auto", inference: str = "auto",
        packages: Any = None,
    ) -> Members:  # fmt: skip
        """Read trained members from the folders that the training functions wrote.

        Args:
            folders: by member; with each member those that it needs.
            device: ``auto``, ``cpu`` or ``cuda``.
            precision: ``auto``, ``float``, ``float32`` or ``bfloat16``, as for the hardware choice.
            inference: ``auto``, ``torch`` or ``openvino`` (:class:`affekt.models.member.HardwareChoice`).
            packages: the package that offered a model when it was trained, by the model's name, where it is known.

        Raises:
            DataError: ``model_not_installed``: no installed package offers one of the models; or a file is missing or
                damaged, the members know different labels, or one was trained on another than is given here.
        """
        for name in folders:
            if name not in model_specs():
                package = (packages or {}).get(name)
                raise DataError(
                    f"no installed package offers a model {name!r} (entry point {name!r} of the group "
                    f"{EXTENSIONS['model']!r}); install "
                    + (f"{package}, with which it was trained" if package else "the one with which it was trained"),
                    code="model_not_installed",
                    where=str(folders[name]),
                )
        hardware = HardwareChoice(device, precision, inference)
        members: dict[str, Member] = {}
        for name, spec in model_specs().items():
            if name in folders:
                members[name] = load_member(spec, Path(folders[name]), members, hardware)
        return cls(members)

    def score(self, clip: PreparedClip, deadline: Deadline | None = None) -> dict[str, np.ndarray]:
        """The score vectors float64 ``[L]`` by member, each with the sum one; errors as :meth:`look`.

        A member that has no answer to the clip, for want of a face or of usable sound, is not among them.
        """
        looked = self.look(clip, deadline)
        return {name: scored.vector for name, scored in looked.items() if scored.vector is not None}

    def look(self, clip: PreparedClip, deadline: Deadline | None = None) -> dict[str, Scored]:
        """What each member says of a clip.

        Args:
            clip: the clip.
            deadline: until when.

        Raises:
            MediaError: ``timeout``: the deadline was over before the last member was done.
        """
        return self.looking(deadline).whole(clip)

    def looking(self, deadline: Deadline | None = None) -> Looking:
        """They are about to look at one clip, parts of which are there before others."""
        return Looking(self._members, self._took, deadline)

    def score_person(self, name: str, rows: np.ndarray, vectors: np.ndarray) -> np.ndarray:
        """Score vectors float64 ``[N, L]`` of one person's clips by a member that gave their rows ``[N, F]``."""
        member = self._members[name]
        assert isinstance(member, PersonMember)
        return member.score_person(rows, vectors)

    def score_after(self, name: str, row: np.ndarray, vector: np.ndarray, earlier: Moments) -> np.ndarray | None:
        """The score vector float64 ``[L]`` of one more clip of a person, by a member that gave its ``row``.

        None of a member that needs the earlier clips themselves.
        """
        member = self._members[name]
        return member.score_after(row, vector, earlier) if isinstance(member, SessionMember) else None

    def member(self, name: str) -> Member:
        """One of them."""
        return self._members[name]

    @property
    def of_images(self) -> str | None:
        """The member that answers still images, the first of several; None without one."""
        return next((name for name in self._members if model_spec(name).answers_images), None)

    def score_faces(self, pictures: np.ndarray) -> np.ndarray:
        """Score vectors float64 ``[N, L]`` of single pictures, uint8 ``[N, S, S, 3]`` RGB, by :attr:`of_images`.

        Raises:
            DataError: ``no_image_model``: no member answers still images.
        """
        if self.of_images is None:
            known = [name for name, spec in model_specs().items() if spec.answers_images]
            raise DataError(
                f"still images are scored by {' or '.join(known)}, and this model has none; give clips, or a model "
                "that has one",
                code="no_image_model",
            )
        member = self._members[self.of_images]
        assert isinstance(member, ImageMember)
        return member.score_faces(pictures)
