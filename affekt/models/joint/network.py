"""The joint network: a Bi-LSTM over face features and the sound of the same moments (paper.md, section 6)."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from affekt.models.bilstm.network import gain_of, without_onednn


class JointBiLSTM(nn.Module):
    """Front fusion of face and voice, which the paper leaves to future work ("a neural network whose input could be
    both video and audio information, where front fusion could be employed").

    At each time step the VGG's fc6 activations of a face and the acoustic descriptors around the same moment are each
    brought to ``projection`` rectified units; a Bi-LSTM as in section 4.3.3 reads both side by side, and its outputs
    are averaged over time and classified.

    In training one of the two, face or voice, is left out of ``modality_dropout`` of the clips, so that the network
    cannot rest on the one that fits the training speakers faster.

    Args:
        face: length of the face features of a time step.
        voice: length of the acoustic features of a time step.
        projection: units to which each of the two is brought.
        hidden: units of each direction of the Bi-LSTM.
        classes: number of labels.
        dropout: probability with which a unit is left out in training: of the projections, of the Bi-LSTM's outputs and
            of the input of the last layer.
        modality_dropout: share of the training clips of which one modality is hidden.
    """

    def __init__(
        self,
        *,
        face: int,
        voice: int,
        projection: int = 64,
        hidden: int = 64,
        classes: int = 7,
        dropout: float = 0.5,
        modality_dropout: float = 0.25,
    ) -> None:
        super().__init__()
        self.architecture: dict[str, Any] = {
            "face": face,
            "voice": voice,
            "projection": projection,
            "hidden": hidden,
            "classes": classes,
            "dropout": dropout,
            "modality_dropout": modality_dropout,
        }
        self.face, self.dropout, self.modality_dropout = face, dropout, modality_dropout
        self.look = nn.Linear(face, projection)
        self.listen = nn.Linear(voice, projection)
        self.lstm = nn.LSTM(2 * projection, hidden, batch_first=True, bidirectional=True)
        self.fc = nn.Linear(2 * hidden, classes)
        # Standardisation of the input; :meth:`standardise_by` sets it.
        self.register_buffer("mean", torch.zeros(face + voice))
        self.register_buffer("gain", torch.ones(face + voice))
        self.mean: Tensor
        self.gain: Tensor

    def standardise_by(self, features: Tensor) -> None:
        """Standardise every input from now on by the training features ``[…, face + voice]``."""
        rows = features.reshape(-1, features.shape[-1]).float()
        self.mean.copy_(rows.mean(0))
        deviation = rows.std(0)
        self.gain[: self.face].copy_(gain_of(deviation[: self.face]))
        # Descriptors have units of their own (Hz, dB): each is measured against itself.
        self.gain[self.face :].copy_(1 / (deviation[self.face :] + 1e-6))

    def forward(self, sequences: Tensor) -> Tensor:
        """The logits ``[N, classes]`` of float ``[N, T, face + voice]`` sequences."""
        sequences = (sequences - self.mean) * self.gain
        seen = F.dropout(F.relu(self.look(sequences[..., : self.face])), self.dropout, self.training)
        heard = F.dropout(F.relu(self.listen(sequences[..., self.face :])), self.dropout, self.training)
        if self.training and self.modality_dropout:
            draw = torch.rand(len(sequences), 1, 1, device=sequences.device)
            seen = seen * (draw >= self.modality_dropout / 2)
            heard = heard * (draw < 1 - self.modality_dropout / 2)
        with without_onednn():
            outputs, _ = self.lstm(torch.cat([seen, heard], dim=-1))
        outputs = F.dropout(outputs, self.dropout, self.training)
        logits: torch.Tensor = self.fc(F.dropout(outputs.mean(1), self.dropout, self.training))
        return logits
