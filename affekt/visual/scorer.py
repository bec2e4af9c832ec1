"""The visual members of an ensemble as one object: a prepared clip in, a score vector of each member out."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from affekt.errors import DataError
from affekt.media.prepared import PreparedClip
from affekt.visual.bilstm import BiLSTM
from affekt.visual.c3d import C3D
from affekt.visual.hardware import Hardware
from affekt.visual.model_folder import load_model
from affekt.visual.scoring import BilstmScoring, C3dScoring, VggScoring
from affekt.visual.vgg import VGG16


class VisualScorer:
    """Scores clips with any of ``vgg``, ``c3d`` and ``bilstm``. Build with :meth:`load`.

    Attributes:
        labels: what the entries of a score vector mean.
    """

    def __init__(
        self,
        labels: tuple[str, ...],
        vgg: VggScoring | None,
        c3d: C3dScoring | None,
        bilstm: BilstmScoring | None,
        time_steps: int,
    ) -> None:
        self.labels = labels
        self._vgg, self._c3d, self._bilstm, self._time_steps = vgg, c3d, bilstm, time_steps

    @classmethod
    def load(cls, members: Mapping[str, Path], *, device: str = "auto", precision: str = "auto") -> VisualScorer:
        """Read trained members from the folders that the training functions wrote.

        Args:
            members: folders by member, any subset of vgg, c3d and bilstm; the bilstm needs the vgg.
            device: ``auto``, ``cpu`` or ``cuda``.
            precision: ``auto``, ``float32`` or ``bfloat16``.

        Raises:
            DataError: a file is missing or damaged, the members know different labels, or the Bi-LSTM was trained on
                another VGG.
        """
        unknown = [name for name in members if name not in ("vgg", "c3d", "bilstm")]
        if unknown:
            raise DataError(f"no visual member {unknown[0]!r}; expected vgg, c3d or bilstm", code="unknown_model")
        if "bilstm" in members and "vgg" not in members:
            raise DataError("the bilstm reads the vgg's fc6 activations; give the folder of its vgg", code="missing")
        hardware = Hardware.choose(device, precision)
        stored = {name: load_model(Path(folder), name) for name, folder in members.items()}
        labels = {model.labels for model in stored.values()}
        if len(labels) > 1:
            raise DataError(f"the visual members know different labels: {sorted(labels)}", code="labels_differ")
        vgg = c3d = bilstm = None
        time_steps = 0
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
            if model.facts["vgg_sha256"] != stored["vgg"].sha256:
                raise DataError(
                    "the bilstm was trained on the fc6 activations of another vgg; train it anew with this one",
                    code="mismatch",
                    where=str(members["bilstm"]),
                )
            bilstm = BilstmScoring(model.network, hardware)
            time_steps = model.settings["time_steps"]
        return cls(labels.pop() if labels else (), vgg, c3d, bilstm, time_steps)

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
        return self._vgg.look(pictures, mirrored=self._vgg.mirror)[1].mean(axis=1)

    def score(self, clip: PreparedClip) -> dict[str, np.ndarray]:
        """The score vectors float64 ``[L]`` by member, each with the sum one; empty for a clip without a face.

        The VGG passes over the clip once, for its own answer and for the Bi-LSTM's.
        """
        answers: dict[str, np.ndarray | None] = {}
        if self._vgg and self._bilstm:
            both = self._vgg.both(clip, self._time_steps)
            if both:
                answers = {"vgg": both[0], "bilstm": self._bilstm.score(both[1])}
        elif self._vgg:
            answers["vgg"] = self._vgg.score(clip)
        if self._c3d:
            answers["c3d"] = self._c3d.score(clip)
        return {name: answer for name in ("vgg", "c3d", "bilstm") if (answer := answers.get(name)) is not None}
