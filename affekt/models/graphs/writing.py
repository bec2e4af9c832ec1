"""Writes a trained network as a graph beside its weights: what its pictures are brought to is part of it."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Self

import torch
from torch import Tensor, nn

from affekt.media.mel import BANDS
from affekt.models.bilstm.network import BiLSTM
from affekt.models.c3d import WINDOW
from affekt.models.c3d.network import C3D
from affekt.models.classifier import DESCRIPTION, read_description
from affekt.models.engine import GRAPH, engine
from affekt.models.face_embedding.network import MobileNet
from affekt.models.face_embedding.pictures import SIDE
from affekt.models.frozen import load_encoder
from affekt.models.joint.network import JointBiLSTM
from affekt.models.model_folder import StoredModel, load_model
from affekt.models.normalisation import folded
from affekt.models.preprocessing import Preprocessing
from affekt.models.speech_embedding.frames import LEAST
from affekt.models.speech_embedding.member import load_speech_encoder
from affekt.models.vgg.network import VGG16
from affekt.models.voice_embedding.member import load_voice_encoder
from affekt.models.voice_embedding.utterances import PARTIAL


class _Views(nn.Module):
    """Centred pixels to what a network makes of them, with their mirror image where the answer averages it.

    On a small network's graph a third of the time goes to pictures in three equal channels and to mirroring by a slice
    with a negative step: so the first layer sees the one channel, mirrored pictures are gathered, and both views are
    one batch.
    """

    def __init__(self, network: VGG16 | C3D, preprocessing: Preprocessing | None, *, mirror: bool) -> None:
        super().__init__()
        assert preprocessing is not None
        self.network = folded(network)
        self.preprocessing = preprocessing
        if preprocessing.one_channel:
            _see_one_channel(network)
        self.mirror = mirror
        self.register_buffer("mirrored", torch.arange(preprocessing.input_size).flip(0))

    @classmethod
    def of(cls, stored: StoredModel[VGG16] | StoredModel[C3D]) -> Self:
        return cls(stored.network, stored.preprocessing, mirror=bool(stored.settings["mirror"]))

    def views(self, pixels: Tensor) -> Tensor:
        inputs = self.preprocessing.to_channels(pixels)
        return torch.cat([inputs, inputs.index_select(-1, self.get_buffer("mirrored"))]) if self.mirror else inputs

    def by_item(self, answers: Tensor) -> Tensor:
        """``[N, V, …]`` of what the network made of the views."""
        by_view: Tensor = answers.unflatten(0, (2 if self.mirror else 1, -1))
        return by_view.transpose(0, 1)


class _VggViews(_Views):
    def forward(self, pixels: Tensor) -> tuple[Tensor, Tensor]:
        assert isinstance(self.network, VGG16)
        fc6, logits = self.network.fc6_and_logits(self.views(pixels))
        return self.by_item(fc6), self.by_item(logits)


class _C3dViews(_Views):
    def forward(self, windows: Tensor) -> Tensor:
        return self.by_item(self.network(self.views(windows).transpose(1, 2)))


def _see_one_channel(network: VGG16 | C3D) -> None:
    """Let the first layer see once, by the sum of its weights, what its three channels would see alike."""
    first = next(layer for layer in network.modules() if isinstance(layer, nn.Conv2d | nn.Conv3d))
    first.weight = nn.Parameter(first.weight.sum(1, keepdim=True), requires_grad=False)
    first.in_channels = 1


def write_vgg(folder: Path) -> None:
    """Of a member's folder, as all that follow."""
    _write_vgg(folder, _VggViews.of(load_model(folder, "vgg", VGG16)))


def write_base(folder: Path) -> None:
    """Of a member's folder, the frozen base of the VGG."""
    stored = read_description(folder / DESCRIPTION)
    network = VGG16(**stored["architecture"])
    network.load_state_dict(load_encoder(folder))
    _write_vgg(folder, _VggViews(network.eval(), Preprocessing.from_dict(stored["preprocessing"]), mirror=True))


def _write_vgg(folder: Path, views: _VggViews) -> None:
    size, channels = views.preprocessing.input_size, views.preprocessing.channels
    _write(folder, views, torch.zeros(2, size, size, channels, dtype=torch.uint8))


def write_c3d(folder: Path) -> None:
    """Of a member's folder."""
    views = _C3dViews.of(load_model(folder, "c3d", C3D))
    size, channels = views.preprocessing.input_size, views.preprocessing.channels
    _write(folder, views, torch.zeros(2, WINDOW, size, size, channels, dtype=torch.uint8))


def write_bilstm(folder: Path) -> None:
    """Of a member's folder."""
    stored = load_model(folder, "bilstm", BiLSTM)
    _write(folder, stored.network, torch.zeros(2, int(stored.settings["time_steps"]), len(stored.network.mean)))


def write_joint(folder: Path) -> None:
    """Of a member's folder."""
    stored = load_model(folder, "joint", JointBiLSTM)
    _write(folder, stored.network, torch.zeros(2, int(stored.settings["time_steps"]), len(stored.network.mean)))


def write_voice(folder: Path) -> None:
    """Of a member's folder, the encoder of voices, whose utterances may have any length."""
    _write(folder, load_voice_encoder(folder), torch.zeros(2, PARTIAL, BANDS), any_length=True)


def write_speech(folder: Path) -> None:
    """Of a member's folder, the encoder of speech, whose sound may have any length."""
    _write(folder, load_speech_encoder(folder), torch.zeros(2, LEAST), torch.tensor([LEAST]), any_length=True)


def write_face(folder: Path) -> None:
    """Of a member's folder, the encoder of faces."""
    preprocessing: Mapping[str, object] = read_description(folder / DESCRIPTION)["preprocessing"]
    encoder = MobileNet.of(load_encoder(folder), str(preprocessing["order"]), tuple(preprocessing["mean"]))  # type: ignore[arg-type]
    if encoder.order == "bgr":  # weights the other way round take less time than pictures
        encoder.order, encoder.mean = "rgb", encoder.mean[::-1]
        encoder.first.weight = nn.Parameter(encoder.first.weight.flip(1), requires_grad=False)
    _write(folder, encoder, torch.zeros(2, SIDE, SIDE, 3, dtype=torch.uint8))


def _write(folder: Path, network: nn.Module, example: Tensor, *further: Tensor, any_length: bool = False) -> None:
    """Trace a network on an example, of which only the number of items may differ later, and write its graph.

    With ``any_length`` the items' own first dimension may differ, too. Further inputs have one shape.
    """
    manager, decoders = engine(".frontend").FrontEndManager(), engine(".frontend.pytorch.ts_decoder")
    network, examples = network.eval().requires_grad_(False), (example, *further)
    with torch.inference_mode(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # on what a trace cannot follow: nothing here depends on values
        traced = torch.jit.trace(network, examples, check_trace=False)
        frontend = manager.load_by_framework("pytorch")
        decoder = decoders.TorchScriptPythonDecoder(traced.eval(), example_input=examples)  # kept until then
        model = frontend.convert(frontend.load(decoder))
    kinds = {torch.uint8: "u8", torch.float32: "f32", torch.int64: "i64"}
    own = [-1, *example.shape[2:]] if any_length else [*example.shape[1:]]
    shapes = [[-1, *own], *(list(each.shape) for each in further)]
    for given, place, shape in zip(examples, model.inputs, shapes, strict=True):
        place.get_node().set_element_type(getattr(engine().Type, kinds[given.dtype]))
        place.get_node().set_partial_shape(engine().PartialShape(shape))
    model.validate_nodes_and_infer_types()
    engine().save_model(model, folder / GRAPH, compress_to_fp16=False)
