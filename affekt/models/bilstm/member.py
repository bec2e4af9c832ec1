"""The trained Bi-LSTM: a score vector of a clip from the fc6 activations that its VGG offers."""

from __future__ import annotations

from affekt.models.bilstm.network import BiLSTM
from affekt.models.fc6_reader import Fc6Reader


class BilstmMember(Fc6Reader[BiLSTM]):
    """fc6 activations in time to a score vector; a clip without a face has none."""

    name = "bilstm"
    kind = BiLSTM


load = BilstmMember.load
