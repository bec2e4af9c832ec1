"""Networks in int8: made of the large ones of an ensemble, and kept where 99 of 100 clips keep their label."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from affekt.counted import counted
from affekt.ensemble.graphs import CLOSE
from affekt.errors import AffektError
from affekt.extensions import members_needed
from affekt.media.prepared import PreparedClip
from affekt.models.engine import GRAPH, INT8_GRAPH, INT8_NUMBERS, NUMBERS, engine, int8_pays, overheard
from affekt.models.graphs.quantising import can_quantise, write_int8
from affekt.models.members import Members
from affekt.progress import Progress

logger = logging.getLogger(__name__)

#: Share of the clips that have to keep their label.
AGREE = 0.99
#: Answers to compare, at least: of fewer, one in a hundred is not to be seen.
LEAST = 100
#: Bytes of a network's numbers from which on it is large. The networks of the small preset have up to 10 MB, take a
#: hundredth of the time of those of full size, and do not pass (docs/decisions.md).
LARGE = 32 << 20


@dataclass(frozen=True)
class Int8Agreement:
    """What a network said of the same clips in int8 and in the number format that it answers in otherwise.

    Attributes:
        clips: that were compared.
        labels: clips that kept their label.
        largest: difference of a probability.
    """

    clips: int
    labels: int
    largest: float

    @property
    def holds(self) -> bool:
        """Whether the network may answer in int8."""
        return self.clips >= LEAST and self.labels >= AGREE * self.clips and self.largest <= CLOSE

    def __str__(self) -> str:
        kept = f"{self.labels} of {counted(self.clips, 'clips')}"
        return f"the same label on {kept}, probabilities move by up to {self.largest:.2g}"


def quantise_graphs(
    members: Mapping[str, Path],
    found: Mapping[str, Mapping[str, Any]],
    *,
    every: bool,
    calibration: Sequence[PreparedClip],
    compared: Sequence[PreparedClip],
) -> dict[str, dict[str, Any]]:
    """Write large networks in int8 beside their graphs, and keep those that answer alike, as do all that read them.

    Args:
        members: the folder of each member of an ensemble.
        found: what :func:`affekt.ensemble.graphs.write_graphs` found of their graphs.
        every: whether small networks are tried, too.
        calibration: clips by which the ranges of values are found.
        compared: others, by which answers are compared.

    Returns:
        ``found``, with what came of it under ``int8`` of each network that was tried: :class:`Int8Agreement` as plain
        values, or why it is left out.
    """
    told = {name: dict(said) for name, said in found.items()}
    tried = [name for name, said in told.items() if "left_out" not in said and _worth_it(members[name], every=every)]
    if not tried:
        return told
    reason = _impossible(len(compared))
    if reason:
        return told | {name: told[name] | _left_out(name, members[name], reason) for name in tried}
    concerned = _concerned(members, tried)
    plain = Members.load(concerned, device="cpu", precision="float", inference="openvino")
    with overheard() as heard:
        _scored(plain, calibration, "int8: finding ranges")
    left: dict[str, str] = {}
    for name in tried:
        try:
            write_int8(members[name], [arrays for folder, arrays in heard if folder == members[name]])
        except AffektError as error:
            left[name] = f"cannot be made ({error.message})"
    before = _scored(plain, compared, "int8: answers in floats")
    while True:
        for name in [name for name in tried if name in left]:
            told[name] |= _left_out(name, members[name], left[name])
            tried.remove(name)
        if not tried:
            return told
        quick = Members.load(concerned, device="cpu", inference="openvino")
        agreements = _compare(before, _scored(quick, compared, "int8: answers in int8"))
        left = _failed(tried, agreements)
        if not left:
            break
    for name in tried:
        logger.info("%s answers in int8: %s", name, agreements[name])
    return told | {name: told[name] | {"int8": asdict(agreements[name])} for name in tried}


def _scored(members: Members, clips: Sequence[PreparedClip], what: str) -> list[dict[str, np.ndarray]]:
    """Each clip's score vectors; networks of full size take seconds for one."""
    said = []
    with Progress(what, len(clips), "clip") as progress:
        for clip in clips:
            said.append(members.score(clip))
            progress.advance()
    return said


def _impossible(clips: int) -> str:
    """Why no network can be tried; "" where they can."""
    if not can_quantise():
        return "NNCF, which makes it, is not installed"
    if not int8_pays():
        return "this processor is not quicker in it, or wrong"
    return f"{counted(clips, 'clips')} to compare, and {LEAST} are needed" if clips < LEAST else ""


def _worth_it(folder: Path, *, every: bool) -> bool:
    """Whether a network is large enough, and has convolutions: sums over time grow what rounding did to each step."""
    if not every and (folder / NUMBERS).stat().st_size < LARGE:
        return False
    operations = engine().Core().read_model(folder / GRAPH).get_ordered_ops()
    return any(operation.get_type_name() == "Convolution" for operation in operations)


def _compare(
    before: Sequence[Mapping[str, np.ndarray]], after: Sequence[Mapping[str, np.ndarray]]
) -> dict[str, Int8Agreement]:
    found = {}
    for name in {name for said in before for name in said}:
        pairs = [(one[name], other[name]) for one, other in zip(before, after, strict=True) if name in one]
        found[name] = Int8Agreement(
            clips=len(pairs),
            labels=sum(int(one.argmax() == other.argmax()) for one, other in pairs),
            largest=max(float(np.abs(one - other).max()) for one, other in pairs),
        )
    return found


def _concerned(members: Mapping[str, Path], tried: Sequence[str]) -> dict[str, Path]:
    """Networks, the members that read them, and what those need."""
    readers = [name for name in members if set(members_needed((name,))) & set(tried)]
    needed = members_needed(readers)
    return {name: folder for name, folder in members.items() if name in needed}


def _failed(tried: Sequence[str], agreements: Mapping[str, Int8Agreement]) -> dict[str, str]:
    """The networks that may not answer in int8, and why: for their own answers, or for those of a model that reads one.

    Of the latter one at a time, since another answers otherwise without it.
    """
    own = {name: agreements.get(name, Int8Agreement(0, 0, 0.0)) for name in tried}
    if failed := {name: str(said) for name, said in own.items() if not said.holds}:
        return failed
    for reader, said in agreements.items():
        read = [name for name in tried if name in members_needed((reader,))]
        if read and not said.holds:
            return {read[0]: f"of {reader}, which reads it, {said}"}
    return {}


def _left_out(name: str, folder: Path, why: str) -> dict[str, Any]:
    logger.info("%s does not answer in int8: %s", name, why)
    for file in (INT8_GRAPH, INT8_NUMBERS):
        (folder / file).unlink(missing_ok=True)
    return {"int8": {"left_out": why}}
