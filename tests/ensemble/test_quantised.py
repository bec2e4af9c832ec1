"""Networks in int8: made by NNCF, kept where they answer alike, chosen where the processor is quicker in it."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.numpy import load_file

from affekt.ensemble import quantised
from affekt.ensemble.graphs import CLOSE, write_graphs
from affekt.ensemble.quantised import LEAST, Int8Agreement, quantise_graphs
from affekt.media import PreparedIndex
from affekt.models import engine
from affekt.models.engine import INT8_GRAPH, INT8_NUMBERS, Graph, overheard
from affekt.models.graphs.quantising import can_quantise, write_int8
from affekt.models.graphs.writing import write_vgg
from affekt.models.members import Members
from affekt.models.model_folder import save_model
from affekt.models.preprocessing import Preprocessing
from affekt.models.vgg.network import VGG16, initialise
from affekt.steps.network_graphs import StoredClips, int8_clips
from affekt.store.entries import Store

SIZE, LABELS = 32, tuple("abcdefg")
INT8 = {INT8_GRAPH, INT8_NUMBERS}


@pytest.fixture(scope="module")
def in_int8():
    """What is asked here needs a processor that is quicker in int8, and NNCF."""
    if not (can_quantise() and engine.is_installed() and engine.int8_pays()):
        pytest.skip("this processor is not quicker in int8")


@pytest.fixture(scope="module")
def clip(tiny_run, tiny_settings):
    """A prepared clip with a face."""
    store = Store(tiny_run.store, tiny_settings.media)
    found = (store.get(row.key) for row in PreparedIndex.read(tiny_run.prepared))
    return next(clip for clip in found if len(clip.face_frames))


@pytest.fixture(scope="module")
def sure(tmp_path_factory) -> Path:
    """The folder of a VGG with a graph, whose likeliest label is far ahead of the others."""
    folder = tmp_path_factory.mktemp("sure") / "vgg"
    folder.mkdir()
    torch.manual_seed(1)
    network = VGG16(width=0.05, input_size=SIZE)
    initialise(network)
    with torch.no_grad():
        network.fc8.bias += torch.tensor([4.0, *[0.0] * 6])
    settings = {"mirror": True, "frames_per_clip": 8}
    save_model(folder, "vgg", network, labels=LABELS, preprocessing=Preprocessing(SIZE), settings=settings)
    write_vgg(folder)
    return folder


@pytest.fixture(scope="module")
def agreed(in_int8, sure, clip):
    """What came of that VGG, which is in int8 from then on."""
    return quantise_graphs({"vgg": sure}, {"vgg": {}}, every=True, calibration=[clip], compared=[clip] * LEAST)


@pytest.fixture
def folder(sure, tmp_path) -> Path:
    """Of the same VGG, to change; without int8."""
    copied = shutil.copytree(sure, tmp_path / "vgg")
    for file in INT8:
        (copied / file).unlink(missing_ok=True)
    return copied


def files(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


@pytest.mark.parametrize(
    ("changed", "holds"),
    [
        ({}, True), ({"clips": LEAST - 1, "labels": LEAST - 1}, False), ({"labels": 98}, False),
        ({"clips": 1000, "labels": 990}, True), ({"clips": 1000, "labels": 989}, False),
        ({"largest": CLOSE * 1.01}, False),
    ],
)  # fmt: skip
def test_99_of_100_clips_have_to_keep_their_label(changed, holds):
    assert Int8Agreement(**{"clips": 100, "labels": 99, "largest": CLOSE, **changed}).holds is holds


@pytest.mark.usefixtures("in_int8")
def test_a_network_that_answers_alike_is_kept_in_int8_and_says_so(agreed, sure):
    said = agreed["vgg"]["int8"]
    assert (said["clips"], said["labels"]) == (LEAST, LEAST)
    assert 0 < said["largest"] <= CLOSE
    assert files(sure) >= INT8


@pytest.mark.usefixtures("in_int8")
def test_answers_come_from_it_unless_a_float_format_is_asked_for(agreed, sure, clip):
    ways = {name: Members.load({"vgg": sure}, device="cpu", precision=name) for name in ("auto", "float32")}
    said = {name: way.score(clip)["vgg"] for name, way in ways.items()}
    assert float(np.abs(said["auto"] - said["float32"]).max()) == pytest.approx(
        agreed["vgg"]["int8"]["largest"], abs=0.01
    )
    assert not np.array_equal(said["auto"], said["float32"])


@pytest.mark.usefixtures("in_int8")
def test_where_the_processor_is_not_quicker_the_floats_answer(agreed, sure, clip, monkeypatch):
    expected = Members.load({"vgg": sure}, device="cpu", precision=engine.quicker_format()).score(clip)["vgg"]
    monkeypatch.setattr(engine, "int8_pays", lambda: False)
    assert np.array_equal(Members.load({"vgg": sure}, device="cpu").score(clip)["vgg"], expected)


@pytest.mark.usefixtures("in_int8")
def test_a_network_whose_labels_change_is_left_out(folder, clip, monkeypatch):
    def other(folder, asked):
        for file, known in ((INT8_GRAPH, engine.GRAPH), (INT8_NUMBERS, engine.NUMBERS)):
            shutil.copyfile(folder / known, folder / file)
        bias = load_file(folder / "model.safetensors")["fc8.bias"]
        content = (folder / INT8_NUMBERS).read_bytes()
        assert content.count(bias.tobytes()) == 1
        (folder / INT8_NUMBERS).write_bytes(content.replace(bias.tobytes(), (-bias).tobytes()))

    monkeypatch.setattr(quantised, "write_int8", other)
    found = quantise_graphs({"vgg": folder}, {"vgg": {}}, every=True, calibration=[clip], compared=[clip] * LEAST)
    assert f"the same label on 0 of {LEAST} clips" in found["vgg"]["int8"]["left_out"]
    assert not files(folder) & INT8


@pytest.mark.parametrize(
    ("lacks", "why"),
    [
        ({"can_quantise": lambda: False}, "NNCF, which makes it, is not installed"),
        ({"int8_pays": lambda: False}, "this processor is not quicker in it, or wrong"),
        ({}, f"99 clips to compare, and {LEAST} are needed"),
    ],
)
def test_what_is_missing_is_said(lacks, why, folder, clip, monkeypatch):
    for name, found in {"can_quantise": lambda: True, "int8_pays": lambda: True, **lacks}.items():
        monkeypatch.setattr(quantised, name, found)
    found = quantise_graphs({"vgg": folder}, {"vgg": {}}, every=True, calibration=[clip], compared=[clip] * 99)
    assert found["vgg"]["int8"] == {"left_out": why}


@pytest.mark.usefixtures("in_int8")
def test_what_nncf_cannot_make_is_said_and_nothing_is_printed(folder, clip, monkeypatch, capfd):
    written = quantised.write_int8

    def damaged(folder, asked):
        (folder / engine.GRAPH).write_text("<net/>")
        written(folder, asked)

    monkeypatch.setattr(quantised, "write_int8", damaged)
    found = quantise_graphs({"vgg": folder}, {"vgg": {}}, every=True, calibration=[clip], compared=[clip] * LEAST)
    assert found["vgg"]["int8"]["left_out"].startswith("cannot be made (")
    assert capfd.readouterr().out == ""


def test_small_networks_are_not_tried(folder, clip):
    found = {"vgg": {"clips": 6}, "c3d": {"left_out": "differs"}}
    assert quantise_graphs({"vgg": folder}, found, every=False, calibration=[clip], compared=[clip] * LEAST) == found


def test_a_network_is_left_out_for_what_reads_it():
    same, other = Int8Agreement(100, 100, 0.01), Int8Agreement(100, 90, 0.01)
    failed = quantised._failed(["vgg", "c3d"], {"vgg": same, "c3d": same, "bilstm": other})
    assert failed == {"vgg": f"of bilstm, which reads it, {other}"}


def test_networks_that_differ_themselves_are_left_out_first():
    same, other = Int8Agreement(100, 100, 0.01), Int8Agreement(100, 90, 0.01)
    failed = quantised._failed(["vgg", "c3d"], {"vgg": same, "c3d": other, "bilstm": other})
    assert failed == {"c3d": str(other)}


def test_what_a_graph_is_asked_is_heard_and_only_then(sure):
    graph, picture = Graph(sure, "float32"), np.zeros((1, SIZE, SIZE, 1), np.uint8)
    with overheard() as heard:
        graph(picture)
    graph(picture)
    assert [(folder, [array.shape for array in arrays]) for folder, arrays in heard] == [(sure, [picture.shape])]


def test_clips_that_are_compared_are_not_those_that_are_asked_and_the_unseen_come_first(tiny_run):
    index = PreparedIndex.read(tiny_run.prepared)
    asked, compared = int8_clips(index)
    learned = {row.key for row in index if row.split == "train"}
    assert set(asked) <= learned
    assert not set(asked) & set(compared)
    unseen = [key for key in compared if key not in learned]
    assert unseen == compared[: len(unseen)]
    assert set(unseen) == {row.key for row in index} - learned


def test_stored_clips_are_read_when_they_are_asked_for(tiny_run, tiny_settings):
    store, keys = Store(tiny_run.store, tiny_settings.media), [row.key for row in PreparedIndex.read(tiny_run.prepared)]
    clips = StoredClips(store, [*keys[:2], "none"])
    assert len(clips) == 3
    assert [len(clip.functionals) for clip in clips[:2]] == [len(store.get(key).functionals) for key in keys[:2]]
    assert write_graphs({}, clips) == {}


@pytest.mark.usefixtures("in_int8")
def test_the_largest_values_that_come_up_are_not_cut_off(folder):
    def largest(pictures: list[int]) -> float:
        write_int8(folder, [(np.full((1, SIZE, SIZE, 1), grey, np.uint8),) for grey in pictures])
        operations = engine.engine().Core().read_model(folder / INT8_GRAPH).get_ordered_ops()
        first = next(operation for operation in operations if operation.get_type_name() == "FakeQuantize")
        return float(first.input_value(2).get_node().get_data().max())

    assert largest([130] * 9 + [250]) == pytest.approx(largest([250] * 10), rel=0.01)
