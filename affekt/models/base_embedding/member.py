"""The trained head on the frozen base of the VGG, which answers."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from affekt.models.base_embedding.fc6 import fc6_statistics
from affekt.models.classifier import DESCRIPTION, ClassifierMember, read_description
from affekt.models.frozen import load_encoder
from affekt.models.hardware import Hardware
from affekt.models.member import HardwareChoice, Member
from affekt.models.preprocessing import Preprocessing
from affekt.models.vgg.member import VggMember
from affekt.models.vgg.network import VGG16


def frozen_vgg(network: VGG16, preprocessing: Preprocessing, hardware: Hardware) -> VggMember:
    """A VGG of which fc6 alone is read."""
    return VggMember(network, preprocessing, hardware, labels=(), frames_per_clip=1, mirror=True)


def load(folder: Path, needs: Mapping[str, Member], hardware: HardwareChoice) -> ClassifierMember:
    """Read the folder that :func:`affekt.training.base_embedding.train` wrote."""
    description: dict[str, Any] = read_description(folder / DESCRIPTION)
    network = VGG16(**description["architecture"])
    network.load_state_dict(load_encoder(folder))
    base = frozen_vgg(network.eval(), Preprocessing.from_dict(description["preprocessing"]), hardware.made())
    return ClassifierMember.load(folder, fc6_statistics(base, description["settings"]["frames_per_clip"]))
