"""Members whose networks are graphs: they read clips as their models in PyTorch do, and import none of it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

import numpy as np

from affekt.media.prepared import PreparedClip
from affekt.models.answering import softmax
from affekt.models.base_embedding.fc6 import fc6_statistics
from affekt.models.c3d.reading import C3dReading
from affekt.models.classifier import DESCRIPTION, ClassifierMember, read_description
from affekt.models.engine import Graph
from affekt.models.face_embedding.pictures import face_features, reads_wide
from affekt.models.fc6_reading import Fc6Reading, vgg_read_by
from affekt.models.joint.acoustic_steps import with_voice
from affekt.models.member import HardwareChoice, Member
from affekt.models.preprocessing import Preprocessing
from affekt.models.speech_embedding import frames
from affekt.models.vgg.reading import VggReading
from affekt.models.voice_embedding import utterances
from affekt.models.voice_embedding.directions import Directions


class GraphVgg(VggReading):
    """A VGG as a graph: centred pictures to fc6 activations and logits, in the views that the answer averages."""

    def __init__(self, graph: Graph, stored: Mapping[str, Any]) -> None:
        super().__init__(
            Preprocessing.from_dict(stored["preprocessing"]), labels=tuple(stored["labels"]),
            frames_per_clip=stored["settings"]["frames_per_clip"], mirror=stored["settings"]["mirror"],
            sha256=stored["weights"]["sha256"],
        )  # fmt: skip
        self._graph = graph

    def _views(self, pixels: np.ndarray, mirrored: bool) -> tuple[np.ndarray, np.ndarray]:
        fc6, logits = self._graph(pixels)
        views = slice(None) if mirrored else slice(1)
        return fc6[:, views], softmax(logits[:, views])


class GraphC3d(C3dReading):
    """A C3D as a graph: windows of centred pictures to logits in the views that the answer averages."""

    def __init__(self, graph: Graph, stored: Mapping[str, Any]) -> None:
        super().__init__(
            Preprocessing.from_dict(stored["preprocessing"]), labels=tuple(stored["labels"]),
            windows_per_clip=stored["settings"]["windows_per_clip"], mirror=stored["settings"]["mirror"],
        )  # fmt: skip
        self._graph = graph

    def _views(self, windows: np.ndarray) -> np.ndarray:
        return softmax(self._graph(windows)[0])


class _GraphReader(Fc6Reading):
    """A network that reads fc6 activations in time, as a graph: sequences to logits."""

    def __init__(self, graph: Graph, *, labels: tuple[str, ...], time_steps: int) -> None:
        super().__init__(labels=labels, time_steps=time_steps)
        self._graph = graph

    @classmethod
    def load(cls, folder: Path, needs: Mapping[str, Member], hardware: HardwareChoice) -> Self:
        """As :meth:`affekt.models.fc6_reader.Fc6Reader.load`."""
        stored = described(folder)
        steps = int(stored["settings"]["time_steps"])
        vgg_read_by(cls.name, needs, stored["facts"]["vgg_sha256"], folder).read_in(steps)
        return cls(Graph(folder, hardware.precision), labels=tuple(stored["labels"]), time_steps=steps)

    def _probabilities(self, read: np.ndarray) -> np.ndarray:
        return softmax(self._graph(read)[0])


class GraphBilstm(_GraphReader):
    """The Bi-LSTM."""

    name = "bilstm"


class GraphJoint(_GraphReader):
    """The joint network."""

    name = "joint"

    def sequence(self, clip: PreparedClip, fc6: np.ndarray) -> np.ndarray | None:
        """As :meth:`affekt.models.joint.member.JointMember.sequence`."""
        return with_voice(clip, fc6)


def described(folder: Path) -> dict[str, Any]:
    """What ``model.json`` of a network says."""
    found = json.loads((folder / DESCRIPTION).read_text(encoding="utf-8"))
    assert isinstance(found, dict)
    return found


def load_vgg(folder: Path, needs: Mapping[str, Member], hardware: HardwareChoice) -> GraphVgg:
    """The VGG in a member's folder."""
    return GraphVgg(Graph(folder, hardware.precision), described(folder))


def load_c3d(folder: Path, needs: Mapping[str, Member], hardware: HardwareChoice) -> GraphC3d:
    """The C3D in a member's folder."""
    return GraphC3d(Graph(folder, hardware.precision), described(folder))


load_bilstm, load_joint = GraphBilstm.load, GraphJoint.load


def load_voice(folder: Path, needs: Mapping[str, Member], hardware: HardwareChoice) -> ClassifierMember:
    """The head on the voice encoder in a member's folder; one that reads partial utterances meets one length anyway."""
    graph = Graph(folder, hardware.precision)
    description = read_description(folder / DESCRIPTION)
    directions = Directions.read(folder, description)

    def hear(heard: np.ndarray) -> np.ndarray:
        return graph(heard)[0]

    of_few = utterances.of_few_lengths(hear) if utterances.LAYERS_FACT in description else hear
    return ClassifierMember.load(folder, utterances.voice_features(of_few, description, directions))


def load_speech(folder: Path, needs: Mapping[str, Member], hardware: HardwareChoice) -> ClassifierMember:
    """The head on the speech encoder in a member's folder; its sums over a whole sound are one thread's.

    A graph that was stored when it could not be told how much is sound is given sound as long as it is.
    """
    graph = Graph(folder, hardware.precision, threads=1)
    told = frames.of_few_lengths(lambda sound, samples: graph(sound, samples)[0])
    hear = told if graph.inputs > 1 else lambda sound: graph(sound)[0]
    return ClassifierMember.load(folder, frames.speech_features(hear))


def load_face(folder: Path, needs: Mapping[str, Member], hardware: HardwareChoice) -> ClassifierMember:
    """The head on the face encoder in a member's folder."""
    graph = Graph(folder, hardware.precision)
    description = read_description(folder / DESCRIPTION)
    count, wide = description["settings"]["frames_per_clip"], reads_wide(description)
    return ClassifierMember.load(folder, face_features(lambda pictures: graph(pictures)[0], count, wide=wide))


def load_base(folder: Path, needs: Mapping[str, Member], hardware: HardwareChoice) -> ClassifierMember:
    """The head on the frozen base of the VGG in a member's folder."""
    stored = read_description(folder / DESCRIPTION)
    read = {"frames_per_clip": 1, "mirror": True}
    base = GraphVgg(
        Graph(folder, hardware.precision),
        {"preprocessing": stored["preprocessing"], "labels": (), "settings": read, "weights": {"sha256": ""}},
    )
    return ClassifierMember.load(folder, fc6_statistics(base, stored["settings"]["frames_per_clip"]))
