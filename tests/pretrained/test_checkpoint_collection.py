"""Checkpoints that are kept: named in a setting, verified, their preprocessing in the model that starts from them."""

from __future__ import annotations

import dataclasses
import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors.torch
import torch

from affekt.errors import DataError
from affekt.media import FaceSet, PreparedIndex
from affekt.models.c3d.network import C3D
from affekt.models.model_folder import load_model, save_model
from affekt.models.preprocessing import Preprocessing
from affekt.models.vgg.network import VGG16
from affekt.pretrained.collection import collection, folder_of, verify
from affekt.pretrained.installing import install
from affekt.settings import load_settings
from affekt.store.entries import Store
from affekt.training.given import Given, train_member
from affekt.training.starting_weights import start_c3d, start_vgg
from tests.conftest import TINY

ARGUMENTS: dict[str, Any] = {
    "width": 0.05, "input_size": 32, "classes": 7, "batch_norm": False, "dropout": 0.5, "seed": 0,
}  # fmt: skip


@pytest.fixture(autouse=True)
def own_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("AFFEKT_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


def narrow_vgg(path: Path, seed: int = 0) -> Path:
    """A narrow network as a PyTorch file, or as what Caffe exports where the path ends so."""
    torch.manual_seed(seed)
    state = VGG16(width=0.05, input_size=32, classes=11).state_dict()
    if path.suffix == ".npz":
        parts = {"weight": "0", "bias": "1"}
        blobs = {f"{name.split('.')[0]}.{parts[name.split('.')[1]]}": value.numpy() for name, value in state.items()}
        np.savez(path, **blobs)
    elif path.suffix == ".safetensors":
        safetensors.torch.save_file(state, path)
    else:
        torch.save(state, path)
    return path


@pytest.mark.parametrize("ending", ["pth", "safetensors", "npz"])
def test_a_kept_checkpoint_is_used_by_its_name(tmp_path: Path, ending: str) -> None:
    path = narrow_vgg(tmp_path / f"vgg.{ending}")
    kept = install(path, "vgg_face", name="mine")
    path.unlink()  # the collection has its own copy
    assert [found.name for found in collection()] == ["mine"]
    assert verify("mine") == kept
    network, _ = start_vgg(pretrained="mine", **ARGUMENTS)
    expected = safetensors.torch.load_file(folder_of("mine") / "weights.safetensors")
    assert torch.equal(network.fc7.weight, expected["fc7.weight"])
    assert network.fc8.weight.shape == (7, 205)  # of other classes, so it begins anew


def test_a_folder_is_as_good_as_a_name(tmp_path: Path) -> None:
    install(narrow_vgg(tmp_path / "vgg.npz"), "vgg_face", name="mine")
    shutil.move(folder_of("mine"), tmp_path / "elsewhere")
    _, preprocessing = start_vgg(pretrained=str(tmp_path / "elsewhere"), **ARGUMENTS)
    assert preprocessing.order == "bgr"


def test_an_exchange_file_has_to_be_imported_first(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="weights import FILE --as vgg_face"):
        start_vgg(pretrained=str(narrow_vgg(tmp_path / "vgg.npz")), **ARGUMENTS)


def test_a_file_of_that_name_comes_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install(narrow_vgg(tmp_path / "a.pth", seed=1), "vgg_face", name="mine")
    monkeypatch.chdir(tmp_path)
    narrow_vgg(tmp_path / "mine", seed=2)
    network, _ = start_vgg(pretrained="mine", **ARGUMENTS)
    assert torch.equal(network.fc7.weight, torch.load(tmp_path / "mine", weights_only=True)["fc7.weight"])


@pytest.mark.parametrize(("name", "advice"), [("vgg_face", "weights fetch vgg_face"), ("mine", "weights import FILE")])
def test_a_name_that_is_not_here_says_how_it_comes_here(name: str, advice: str) -> None:
    with pytest.raises(DataError, match=advice) as caught:
        start_vgg(pretrained=name, **ARGUMENTS)
    assert (caught.value.code, caught.value.where) == ("missing", name)


def test_a_checkpoint_of_the_other_network_is_refused(tmp_path: Path) -> None:
    install(narrow_vgg(tmp_path / "vgg.pth"), "vgg_face")
    with pytest.raises(DataError, match="weights of a vgg") as caught:
        start_c3d(pretrained="vgg_face", **ARGUMENTS)
    assert caught.value.code == "wrong_network"


def test_a_checkpoint_of_another_width_names_both_shapes(tmp_path: Path) -> None:
    install(narrow_vgg(tmp_path / "vgg.pth"), "vgg_face")
    with pytest.raises(DataError, match=r"conv1_1\.weight is \[3, 3, 3, 3\], expected \[6, 3, 3, 3\]"):
        start_vgg(pretrained="vgg_face", **{**ARGUMENTS, "width": 0.1})


def flip_a_byte(folder: Path) -> None:
    content = bytearray((folder / "weights.safetensors").read_bytes())
    content[-1] ^= 1
    (folder / "weights.safetensors").write_bytes(content)


def cut_off(folder: Path) -> None:
    path = folder / "weights.safetensors"
    path.write_bytes(path.read_bytes()[:-1])


def say_other_classes(folder: Path) -> None:
    values = json.loads((folder / "weights.json").read_text(encoding="utf-8"))
    (folder / "weights.json").write_text(json.dumps({**values, "classes": 2622}), encoding="utf-8")


@pytest.mark.parametrize(
    ("harm", "words"),
    [
        (flip_a_byte, "SHA-256"),
        (cut_off, "bytes, expected"),
        (lambda folder: (folder / "weights.safetensors").unlink(), "missing"),
        (lambda folder: (folder / "weights.json").unlink(), r"weights\.json is missing"),
        (lambda folder: (folder / "weights.json").write_text("{}"), "not the description"),
        (say_other_classes, "11 classes, its description says 2622"),
    ],
    ids=["a byte", "the end", "no weights", "no description", "empty description", "classes"],
)
def test_what_differs_is_said_and_nothing_starts_from_it(tmp_path: Path, harm: Any, words: str) -> None:
    install(narrow_vgg(tmp_path / "vgg.pth"), "vgg_face")
    harm(folder_of("vgg_face"))
    with pytest.raises(DataError, match=words):
        verify("vgg_face")
    with pytest.raises(DataError):
        start_vgg(pretrained="vgg_face", **ARGUMENTS)


def test_an_import_over_another_file_is_refused_and_the_same_one_repairs(tmp_path: Path) -> None:
    first = install(narrow_vgg(tmp_path / "one.pth", seed=1), "vgg_face")
    with pytest.raises(DataError, match="name=") as caught:
        install(narrow_vgg(tmp_path / "two.pth", seed=2), "vgg_face")
    assert caught.value.code == "wrong_digest"
    assert verify("vgg_face") == first
    flip_a_byte(folder_of("vgg_face"))
    install(tmp_path / "one.pth", "vgg_face")
    assert verify("vgg_face") == first


@pytest.mark.parametrize("name", ["../evil", "a/b", ".hidden", "", "x" * 65])
def test_a_name_cannot_lead_out_of_the_collection(tmp_path: Path, name: str, own_home: Path) -> None:
    with pytest.raises(DataError) as caught:
        folder_of(name)
    assert caught.value.code == "bad_name"


def test_numbers_are_kept_as_float32(tmp_path: Path) -> None:
    state = {name: value.double() for name, value in VGG16(width=0.05, input_size=32).state_dict().items()}
    torch.save(state, tmp_path / "vgg.pth")
    install(tmp_path / "vgg.pth", "vgg_face")
    kept = safetensors.torch.load_file(folder_of("vgg_face") / "weights.safetensors")
    assert {value.dtype for value in kept.values()} == {torch.float32}


def test_preprocessing_goes_from_the_checkpoint_into_the_trained_model(tmp_path: Path) -> None:
    install(narrow_vgg(tmp_path / "vgg.npz"), "vgg_face", name="of_caffe")
    settings = load_settings("small", (*TINY, "vgg.pretrained=of_caffe", "vgg.batch_norm=false"))
    labels = ("happy", "sad")
    pixels = np.random.default_rng(0).integers(0, 256, (8, 48, 48, 3), dtype=np.uint8)
    faces = FaceSet(pixels, labels * 4, ("train",) * 6 + ("val",) * 2)
    train_member(
        Given(
            "vgg", PreparedIndex(()), Store(tmp_path, settings.media), settings, labels, tmp_path / "vgg", faces=faces
        )
    )
    found = load_model(tmp_path / "vgg", "vgg", VGG16).preprocessing
    assert found is not None
    expected = Preprocessing(
        32, found.crops, order="bgr", mean=(93.59396362304688, 104.76238250732422, 129.186279296875)
    )
    assert found == dataclasses.replace(expected, scale=1.0)
    assert found.grey and not found.contrast


def test_the_last_pool_of_a_caffe_c3d_stays_with_the_trained_model(tmp_path: Path) -> None:
    torch.manual_seed(0)
    network = C3D(width=0.05, input_size=48, last_pool="trailing")
    preprocessing = Preprocessing(48)
    save_model(tmp_path, "c3d", network, labels=("a",) * 7, preprocessing=preprocessing, settings={})
    again = load_model(tmp_path, "c3d", C3D).network
    windows = torch.randn(1, 3, 16, 48, 48)
    assert torch.equal(again(windows), network.eval()(windows))
    with_border = C3D(width=0.05, input_size=48).eval()
    with_border.load_state_dict(network.state_dict())
    assert not torch.equal(with_border(windows), network(windows))
