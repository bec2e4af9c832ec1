"""The networks of an ensemble as graphs of the inference engine, each held against PyTorch on real prepared clips."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from affekt.extensions import model_spec, named
from affekt.media.prepared import PreparedClip
from affekt.models.engine import GRAPH, NUMBERS, is_installed
from affekt.models.members import Members

logger = logging.getLogger(__name__)

#: Largest difference of a probability in float32 between a graph and PyTorch: sums are taken in another order, which
#: came to 2e-6 with the networks of both presets; a wrong graph differs by a thousand times as much.
SAME = 1e-4
#: Largest difference of a probability between a graph in the quickest precision here and PyTorch in float32. bfloat16
#: keeps eight bits of a number. Trained networks came to 0.011 (PyTorch's own bfloat16 to 0.006), barely trained ones
#: to 0.035.
CLOSE = 0.05
#: Clips that are compared at most.
COMPARED = 6


@dataclass(frozen=True)
class Agreement:
    """What a graph and PyTorch said of the same clips.

    Attributes:
        clips: that were compared.
        same: largest difference of a probability, both in float32.
        close: largest difference of a probability, the graph as it answers here.
        labels: clips of which both had the same label, the graph as it answers here; where the two likeliest labels are
            nearer to each other than the difference that is allowed, either counts.
    """

    clips: int
    same: float
    close: float
    labels: int

    @property
    def holds(self) -> bool:
        """Whether the graph may answer."""
        return self.clips > 0 and self.same <= SAME and self.close <= CLOSE and self.labels == self.clips


def write_graphs(members: Mapping[str, Path], clips: Sequence[PreparedClip]) -> dict[str, dict[str, Any]]:
    """Write the graph of each network beside its weights, and keep those that answer as PyTorch does.

    Args:
        members: the folder of each member of an ensemble.
        clips: on which they are compared, at least one with a face and a voice.

    Returns:
        What was found of each model whose graph was kept (:class:`Agreement` as plain values); of one that was not,
        why: ``{"left_out": …}``.
    """
    if not is_installed():
        logger.warning("OpenVINO is not installed: networks are stored without graphs, and answer more slowly")
        return {}
    found: dict[str, dict[str, Any]] = {}
    for name, folder in members.items():
        if writes := model_spec(name).write_graph:
            try:
                named(writes, f"the model {name!r}")(folder)
                found[name] = {}
            except Exception as error:  # of a network that the engine does not know; PyTorch answers then
                found[name] = _left_out(name, folder, f"cannot be written ({error})")
    while waiting := [name for name, said in found.items() if not said]:
        agreements = compare(members, waiting, clips)
        # A graph is read by those after it: where one is left out, they are compared anew with what takes its place.
        failed = next((name for name in waiting if not agreements[name].holds), None)
        if failed is not None:
            found[failed] = _left_out(failed, members[failed], f"differs from PyTorch: {agreements[failed]}")
            continue
        found |= {name: asdict(agreements[name]) for name in waiting}
    return found


def compare(members: Mapping[str, Path], names: Sequence[str], clips: Sequence[PreparedClip]) -> dict[str, Agreement]:
    """What the graphs of some members and PyTorch say of clips."""
    ways = [
        Members.load(members, device="cpu", precision="float32", inference="torch"),
        Members.load(members, device="cpu", precision="float32", inference="openvino"),
        Members.load(members, device="cpu", inference="openvino"),
    ]
    said = [[way.score(clip) for clip in clips] for way in ways]
    found = {}
    for name in names:
        plain, same, close = (
            np.array([one[name] for one in way if name in one]).reshape(-1, len(ways[0].labels)) for way in said
        )
        if not len(plain) == len(same) == len(close) or not len(plain):
            found[name] = Agreement(0, 0.0, 0.0, 0)
            continue
        chosen = plain[np.arange(len(plain)), close.argmax(axis=1)]
        found[name] = Agreement(
            clips=len(plain),
            same=float(np.abs(plain - same).max()),
            close=float(np.abs(plain - close).max()),
            labels=int((plain.max(axis=1) - chosen <= 2 * CLOSE).sum()),
        )
    return found


def _left_out(name: str, folder: Path, why: str) -> dict[str, Any]:
    logger.warning("the graph of %s %s; it answers by PyTorch, more slowly", name, why)
    for file in (GRAPH, NUMBERS):
        (folder / file).unlink(missing_ok=True)
    return {"left_out": why}
