"""How long a server waits for its parts, seconds."""

from __future__ import annotations

#: For the networks, on top of the decoding limit of the ensemble's settings.
MODEL_SECONDS = 60
#: In which a worker has to load the ensemble.
START_SECONDS = 300
