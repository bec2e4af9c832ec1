"""The models of the paper by name: what each looks at, and which of them another one needs."""

from __future__ import annotations

from collections.abc import Sequence

from affekt.errors import DataError

#: In the order in which they are trained and shown.
MEMBERS: tuple[str, ...] = ("vgg", "c3d", "bilstm", "joint", "random_forest", "svc")
#: The models of the paper's tables; the joint network is from its future work, and is fused where it helps.
OF_THE_PAPER: tuple[str, ...] = ("vgg", "c3d", "bilstm", "random_forest", "svc")
#: What a model looks at, all of which it needs.
MODALITIES: dict[str, tuple[str, ...]] = {
    "vgg": ("face",),
    "c3d": ("face",),
    "bilstm": ("face",),
    "joint": ("face", "voice"),
    "random_forest": ("voice",),
    "svc": ("voice",),
}


def members_needed(models: Sequence[str]) -> tuple[str, ...]:
    """The members to train so that the given models can answer: Bi-LSTM and joint network read the VGG's fc6 features.

    Raises:
        DataError: a model is none of :data:`MEMBERS`.
    """
    unknown = [name for name in models if name not in MEMBERS]
    if unknown:
        raise DataError(f"unknown model {unknown[0]!r}; expected of {', '.join(MEMBERS)}", code="unknown_model")
    needed = set(models) | ({"vgg"} if {"bilstm", "joint"} & set(models) else set())
    return tuple(name for name in MEMBERS if name in needed)
