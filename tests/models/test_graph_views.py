"""A network's graph sees pictures as PyTorch's forward pass does, in one channel or three, mirrored or not."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from affekt.models.c3d import WINDOW
from affekt.models.c3d.network import C3D
from affekt.models.engine import Graph
from affekt.models.graphs.writing import write_c3d, write_vgg
from affekt.models.model_folder import save_model
from affekt.models.preprocessing import Preprocessing
from affekt.models.vgg.network import VGG16, initialise

SIZE = 32
SEEN = {
    "one channel, contrast": Preprocessing(SIZE, contrast=True),
    "one channel, equal means": Preprocessing(SIZE),
    "grey, a mean for each channel": Preprocessing(SIZE, mean=(93.6, 104.8, 129.2), scale=0.05),
    "colour, blue first": Preprocessing(SIZE, grey=False, order="bgr", mean=(93.6, 104.8, 129.2), scale=0.05),
}


@pytest.mark.parametrize("seen", SEEN)
@pytest.mark.parametrize("mirror", [True, False])
@pytest.mark.parametrize("kind", ["vgg", "c3d"])
def test_a_graph_sees_pictures_as_the_network_does(tmp_path, kind, mirror, seen):
    torch.manual_seed(1)
    preprocessing = SEEN[seen]
    network = VGG16(width=0.05, input_size=SIZE) if kind == "vgg" else C3D(width=0.05, input_size=SIZE)
    initialise(network)
    labels = tuple("abcdefg")
    save_model(
        tmp_path, kind, network, labels=labels, preprocessing=preprocessing, settings={"mirror": mirror}
    )  # fmt: skip
    (write_vgg if kind == "vgg" else write_c3d)(tmp_path)
    items = (3,) if kind == "vgg" else (3, WINDOW)
    shape = (*items, SIZE, SIZE, preprocessing.channels)
    pixels = np.random.default_rng(2).integers(0, 256, shape, dtype=np.uint8)
    found = Graph(tmp_path, "float32")(pixels)[-1]
    with torch.inference_mode():
        seen_by = preprocessing.to_input(torch.from_numpy(pixels))
        views = [seen_by, seen_by.flip(-1)][: 1 + mirror]
        expected = [network.eval()(view if kind == "vgg" else view.transpose(1, 2)).numpy() for view in views]
    assert found == pytest.approx(np.stack(expected, 1), abs=1e-4 * np.abs(expected).max())
    assert np.abs(expected).max() > 0.1  # of the pictures, not of nothing
