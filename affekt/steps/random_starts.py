"""Which networks of a training by the paper's preset did not start as the paper's did."""

from __future__ import annotations

from collections.abc import Iterable

from affekt.settings import Settings
from affekt.settings.fields import FaceNetwork


def random_starts(settings: Settings, members: Iterable[str]) -> tuple[str, ...]:
    """The networks that started from random weights where the preset is ``paper``; none of another preset.

    Args:
        settings: of the training.
        members: the models that were trained, those that others read among them.
    """
    if settings.preset != "paper":
        return ()
    groups = {name: settings.models.get(name) for name in members}
    return tuple(name for name, group in groups.items() if isinstance(group, FaceNetwork) and group.pretrained is None)
