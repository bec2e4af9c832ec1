"""Fits the linear head on the VGG as it was before it learned from any clip."""

from __future__ import annotations

from affekt.errors import DataError
from affekt.models.base_embedding.fc6 import fc6_statistics
from affekt.models.base_embedding.member import frozen_vgg
from affekt.models.hardware import Hardware
from affekt.models.model_folder import load_model
from affekt.models.vgg.network import VGG16
from affekt.score_table import ScoreTable
from affekt.training.frozen import train_head
from affekt.training.given import Given
from affekt.training.pictures import BASE


def train(given: Given) -> ScoreTable:
    """Fit the head once for each fold and once on all train clips; the network's weights are kept beside it.

    All folds read the same network: it has learned from face images or people's published weights, and from no clip.

    Files and errors as for :func:`affekt.training.classifier.train_classifier`.

    Raises:
        DataError: ``no_train_clips``: the VGG learned from clips from the start, so that there is no base.
    """
    folder = given.needs["vgg"] / BASE
    if not folder.is_dir():
        raise DataError(
            "the vgg has no base that is older than its first clip; give face images to learn from and "
            "vgg.base_iterations, or weights to start from (vgg.pretrained)",
            code="no_train_clips",
        )
    stored = load_model(folder, "vgg", VGG16)
    assert stored.preprocessing is not None
    stored.network.read_layer = "fc6"
    settings = given.settings
    base = frozen_vgg(
        stored.network,
        stored.preprocessing,
        Hardware.choose(settings.device, settings.precision, settings.compile),
    )
    facts = {
        "architecture": {**stored.network.architecture, "read_layer": "fc6"},
        "preprocessing": stored.preprocessing.to_dict(),
        "base_sha256": stored.sha256,
    }
    return train_head(given, stored.network, fc6_statistics(base, given.group.frames_per_clip), facts)
