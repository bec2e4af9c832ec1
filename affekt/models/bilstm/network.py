"""Bidirectional LSTM over the fc6 activations of a clip's frames."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class BiLSTM(nn.Module):
    """A forward and a backward LSTM without a path between them (paper.md, sections 3.1.2 and 4.3.3; Figure 5).

    The outputs of both directions are averaged over time and classified by one fully connected layer. Dropout acts on
    the LSTM's outputs at each step and on the input of the fully connected layer ("lstm and fc layer").

    Args:
        features: length of the input vector of a time step.
        hidden: units of each direction.
        classes: number of labels.
        dropout: probability with which a unit is left out in training, at both places.
    """

    def __init__(self, *, features: int = 4096, hidden: int = 1024, classes: int = 7, dropout: float = 0.85) -> None:
        super().__init__()
        self.architecture: dict[str, Any] = {
            "features": features,
            "hidden": hidden,
            "classes": classes,
            "dropout": dropout,
        }
        self.dropout = dropout
        self.lstm = nn.LSTM(features, hidden, batch_first=True, bidirectional=True)
        self.fc = nn.Linear(2 * hidden, classes)
        # Standardisation of the input; :meth:`standardise_by` sets it, and as it is here it changes nothing.
        self.register_buffer("mean", torch.zeros(features))
        self.register_buffer("gain", torch.ones(features))
        self.mean: Tensor
        self.gain: Tensor

    def standardise_by(self, features: Tensor) -> None:
        """Standardise every input from now on by the mean and the deviation of ``[…, features]`` training features."""
        rows = features.reshape(-1, features.shape[-1]).float()
        self.mean.copy_(rows.mean(0))
        self.gain.copy_(gain_of(rows.std(0)))

    def forward(self, sequences: Tensor) -> Tensor:
        """The logits ``[N, classes]`` of float ``[N, T, features]`` sequences."""
        sequences = (sequences - self.mean) * self.gain
        with without_onednn():
            outputs, _ = self.lstm(sequences)
        outputs = F.dropout(outputs, self.dropout, self.training)
        logits: torch.Tensor = self.fc(F.dropout(outputs.mean(1), self.dropout, self.training))
        return logits


def gain_of(deviation: Tensor) -> Tensor:
    """The factors that standardise fc6 units of the given deviations.

    A unit that hardly ever answers is not blown up: its deviation counts as a tenth of the usual one at least.
    """
    return 1 / deviation.clamp_min(0.1 * float(deviation.mean()) + 1e-6)


@contextlib.contextmanager
def without_onednn() -> Iterator[None]:
    """In training: oneDNN's LSTM is faster forward, but with the backward pass on a CPU slower (1.35 times)."""
    before = torch.backends.mkldnn.enabled
    torch.backends.mkldnn.enabled = before and not torch.is_grad_enabled()  # type: ignore[assignment]
    try:
        yield
    finally:
        torch.backends.mkldnn.enabled = before
