"""A trained model that answers: what every member of an ensemble can do, and how one is read from its folder."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

import numpy as np

from affekt.errors import DataError
from affekt.extensions import ModelSpec, named
from affekt.media.prepared import PreparedClip
from affekt.models.engine import answers_by_graph

if TYPE_CHECKING:
    from affekt.classifiers import Moments
    from affekt.models.hardware import Hardware


@dataclass(frozen=True)
class HardwareChoice:
    """Where networks are to answer; settings alone, so that a member without a network imports no torch.

    Attributes:
        device: ``auto``, ``cpu`` or ``cuda``.
        precision: ``auto``, ``float32`` or ``bfloat16``, or ``float``: as auto, but never int8.
        inference: ``auto``, ``torch`` or ``openvino``: what computes networks; auto takes the engine for those that are
            stored as graphs, where it is installed and there is no GPU to use.
    """

    device: str = "auto"
    precision: str = "auto"
    inference: str = "auto"

    def made(self) -> Hardware:
        """The device and the precision, as :meth:`affekt.models.hardware.Hardware.choose` finds them."""
        from affekt.models.hardware import Hardware  # heavy: torch, which a model of the voice needs nowhere

        return Hardware.choose(self.device, self.precision)


@dataclass(frozen=True)
class Scored:
    """What a member says of a clip.

    Attributes:
        vector: probabilities float64 ``[L]`` with the sum one, or None where the clip has not what the member needs.
        offers: what members that need this one read of the clip; theirs to know.
        row: features float64 ``[F]`` from which the member adapts a person's clips to each other
            (:class:`PersonMember`); None where it does not.
        distance: how far the clip lies from what the member learned from, about 1 for clips like those; None where it
            does not say.
    """

    vector: np.ndarray | None
    offers: Any = None
    row: np.ndarray | None = None
    distance: float | None = None


@runtime_checkable
class Member(Protocol):
    """A trained model that answers. It is read by ``load(folder, needs, hardware)``, which its spec names.

    ``needs`` are the loaded members that it needs, by name: one that reads their intermediate values tells them so when
    it is loaded, so that they pass over a clip once for themselves and for all who read them.

    Attributes:
        name: of its model.
        labels: what the entries of a score vector mean.
    """

    name: str
    labels: tuple[str, ...]

    def score(self, clip: PreparedClip, needed: Mapping[str, Any]) -> Scored:
        """The answer to a prepared clip.

        Args:
            clip: the clip.
            needed: what the members that this one needs offer of the clip, by name.
        """


@runtime_checkable
class ImageMember(Member, Protocol):
    """A member whose spec says that it answers still images."""

    def score_faces(self, pictures: np.ndarray) -> np.ndarray:
        """Score vectors float64 ``[N, L]`` of single pictures, uint8 ``[N, S, S, 3]`` RGB."""


@runtime_checkable
class PersonMember(Member, Protocol):
    """A member that adapts the clips of one person to each other by their features."""

    def score_person(self, rows: np.ndarray, vectors: np.ndarray) -> np.ndarray:
        """Score vectors float64 ``[N, L]`` of one person's clips.

        They are made from ``row`` and ``vector`` of what :meth:`score` gave. A lone clip keeps its vector.
        """


@runtime_checkable
class SessionMember(PersonMember, Protocol):
    """A member that adapts a clip to a person of whose earlier clips nothing but statistics of features is left."""

    def score_after(self, row: np.ndarray, vector: np.ndarray, earlier: Moments) -> np.ndarray:
        """Score vector float64 ``[L]`` of one more clip: that which :meth:`score_person` gives it among all of them.

        Args:
            row: ``row`` of what :meth:`score` gave of the clip.
            vector: ``vector`` of it.
            earlier: how many rows the person's earlier clips had, their mean and variance.
        """


def load_member(
    spec: ModelSpec, folder: Path, needs: Mapping[str, Member], hardware: HardwareChoice | None = None
) -> Member:
    """Read a trained member from the folder that its training wrote.

    Args:
        spec: of its model.
        folder: where it is.
        needs: the loaded members that it needs, by name.
        hardware: where networks are to answer; chosen automatically by default.

    Raises:
        DataError: a file is missing or damaged, holds another model, or was trained with other members than those.
        AffektError: ``no_engine``: the engine is asked for, and not installed.
    """
    missing = [name for name in spec.needs if name not in needs]
    if missing:
        raise DataError(
            f"the {spec.name} reads what the {missing[0]} makes of a clip; give the folder of its {missing[0]} as well",
            code="missing",
            where=str(folder),
        )
    hardware = hardware or HardwareChoice()
    by_graph = bool(spec.load_graph) and answers_by_graph(folder, hardware.inference, hardware.device)
    load = named(spec.load_graph if by_graph else spec.load, f"the model {spec.name!r}")
    member = load(folder, {name: needs[name] for name in spec.needs}, hardware)
    assert isinstance(member, Member)
    if member.name != spec.name:
        raise DataError(
            f"expected the member {spec.name!r}, found {member.name!r}", code="wrong_member", where=str(folder)
        )
    return member
