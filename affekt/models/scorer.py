"""The networks of an ensemble as one object: a prepared clip in, a score vector of each out."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from affekt.errors import DataError
from affekt.media.prepared import PreparedClip
from affekt.models.bilstm.network import BiLSTM
from affekt.models.c3d.network import C3D
from affekt.models.hardware import Hardware
from affekt.models.joint.network import JointBiLSTM
from affekt.models.model_folder import StoredModel, load_model
from affekt.models.scoring import BilstmScoring, C3dScoring, JointScoring, VggScoring
from affekt.models.vgg.network import VGG16

#: In the order of the ensemble's members.
NETWORKS = ("vgg", "c3d", "bilstm", "joint")


class VisualScorer:
    """Scores clips with any of ``vgg``, ``c3d``, ``bilstm`` and ``joint``. Build with :meth:`load`.

    Attributes:
        labels: what the entries of a score vector mean.
    """

    def __init__(
        self,
        labels: tuple[str, ...],
        vgg: VggScoring | None,
        c3d: C3dScoring | None,
        bilstm: tuple[BilstmScoring, int] | None,
        joint: tuple[JointScoring, int] | None,
    ) -> None:
        self.labels = labels
        self._vgg, self._c3d, self._bilstm, self._joint = vgg, c3d, bilstm, joint

    @classmethod
    def load(cls, members: Mapping[str, Path], *, device: str = "auto", precision: str = "auto") -> VisualScorer:
        """Read trained members from the folders that the training functions wrote.

        Args:
            members: folders by member, any subset of vgg, c3d, bilstm and joint; the last two need the vgg.
            device: ``auto``, ``cpu`` or ``cuda``.
            precision: ``auto``, ``float32`` or ``bfloat16``.

        Raises:
            DataError: a file is missing or damaged, the members know different labels, or the Bi-LSTM or the
                joint network was trained on another VGG.
        """
        unknown = [name for name in members if name not in NETWORKS]
        if unknown:
            raise DataError(f"no network {unknown[0]!r}; expected of {', '.join(NETWORKS)}", code="unknown_model")
        for name in ("bilstm", "joint"):
            if name in members and "vgg" not in members:
                raise DataError(
                    f"the {name} reads the vgg's fc6 activations; give the folder of its vgg", code="missing"
                )
        hardware = Hardware.choose(device, precision)
        stored = {name: load_model(Path(folder), name) for name, folder in members.items()}
        labels = {model.labels for model in stored.values()}
        if len(labels) > 1:
            raise DataError(f"the visual members know different labels: {sorted(labels)}", code="labels_differ")
        vgg = c3d = bilstm = joint = None
        if "vgg" in stored:
            model = stored["vgg"]
            assert isinstance(model.network, VGG16) and model.preprocessing
            vgg = VggScoring(
                model.network,
                model.preprocessing,
                hardware,
                frames_per_clip=model.settings["frames_per_clip"],
                mirror=model.settings["mirror"],
            )
        if "c3d" in stored:
            model = stored["c3d"]
            assert isinstance(model.network, C3D) and model.preprocessing
            c3d = C3dScoring(
                model.network,
                model.preprocessing,
                hardware,
                windows_per_clip=model.settings["windows_per_clip"],
                mirror=model.settings["mirror"],
            )
        if "bilstm" in stored:
            model = stored["bilstm"]
            assert isinstance(model.network, BiLSTM)
            _refuse_other_vgg("bilstm", model, stored["vgg"], members)
            bilstm = BilstmScoring(model.network, hardware), int(model.settings["time_steps"])
        if "joint" in stored:
            model = stored["joint"]
            assert isinstance(model.network, JointBiLSTM)
            _refuse_other_vgg("joint", model, stored["vgg"], members)
            joint = JointScoring(model.network, hardware), int(model.settings["time_steps"])
        return cls(labels.pop() if labels else (), vgg, c3d, bilstm, joint)

    def score_faces(self, pictures: np.ndarray) -> np.ndarray:
        """The VGG's score vectors float64 ``[N, L]`` of single pictures, uint8 ``[N, S, S, 3]`` RGB.

        Raises:
            DataError: there is no VGG.
        """
        if self._vgg is None:
            raise DataError(
                "still images are scored by the vgg, and this model has none; give clips, or a model with a vgg",
                code="no_vgg",
            )
        scores: np.ndarray = self._vgg.look(pictures, mirrored=self._vgg.mirror)[1].mean(axis=1)
        return scores

    def score(self, clip: PreparedClip) -> dict[str, np.ndarray]:
        """The score vectors float64 ``[L]`` by member, each with the sum one; empty for a clip without a face.

        The VGG passes over the clip once, for its own answer and for those of the networks that read its fc6. A clip
        without usable sound has no answer of the joint network.
        """
        answers: dict[str, np.ndarray | None] = {}
        if self._vgg:
            readers = [reader for reader in (self._bilstm, self._joint) if reader is not None]
            answers["vgg"], sequences = self._vgg.look_over(clip, {steps for _, steps in readers})
            if sequences and self._bilstm:
                answers["bilstm"] = self._bilstm[0].score(sequences[self._bilstm[1]])
            if sequences and self._joint:
                answers["joint"] = self._joint[0].score(clip, sequences[self._joint[1]])
        if self._c3d:
            answers["c3d"] = self._c3d.score(clip)
        return {name: answer for name in NETWORKS if (answer := answers.get(name)) is not None}


def _refuse_other_vgg(name: str, model: StoredModel, vgg: StoredModel, members: Mapping[str, Path]) -> None:
    if model.facts["vgg_sha256"] != vgg.sha256:
        raise DataError(
            f"the {name} was trained on the fc6 activations of another vgg; train it anew with this one",
            code="mismatch",
            where=str(members[name]),
        )
