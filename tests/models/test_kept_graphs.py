"""What the engine has made of a graph is kept for the next process; what is not as it was left there is made again."""

from __future__ import annotations

import os

import numpy as np
import pytest
import torch

from affekt.models import engine, kept_graphs
from affekt.models.engine import NUMBERS, Graph
from affekt.models.graphs.writing import write_vgg
from affekt.models.model_folder import save_model
from affekt.models.preprocessing import Preprocessing
from affekt.models.vgg.network import VGG16, initialise

SIZE = 32
PIXELS = np.random.default_rng(2).integers(0, 256, (3, SIZE, SIZE, 1), dtype=np.uint8)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A network with its graph, and a home of affekt that is there."""
    monkeypatch.setenv("AFFEKT_HOME", str(tmp_path / "home"))
    (tmp_path / "home").mkdir()
    made = tmp_path / "vgg"
    made.mkdir()
    torch.manual_seed(1)
    network = VGG16(width=0.05, input_size=SIZE)
    initialise(network)
    save_model(
        made, "vgg", network, labels=tuple("abcdefg"), preprocessing=Preprocessing(SIZE), settings={"mirror": True}
    )
    write_vgg(made)
    return made


@pytest.fixture
def made(monkeypatch):
    """The graphs that the engine has read from a model's own files since."""
    folders = []

    class Core:
        def __init__(self, core):
            self.import_model, self.compile_model, self._read = core.import_model, core.compile_model, core.read_model

        def read_model(self, path):
            folders.append(path.parent)
            return self._read(path)

    core = Core(engine._core())
    monkeypatch.setattr(engine, "_core", lambda: core)
    return folders


def kept(folder):
    return sorted((folder.parent / "home" / "cache" / "graphs").glob("*"))


def answers(folder):
    return [output.tobytes() for output in Graph(folder, "float32")(PIXELS)]


def test_the_second_time_answers_from_what_is_kept_to_the_bit(folder, made):
    first = answers(folder)
    assert made == [folder] and len(kept(folder)) == 1
    assert answers(folder) == first and made == [folder]
    assert kept(folder)[0].parent.stat().st_mode & 0o077 == 0


def test_another_number_of_threads_answers_from_the_same(folder, made):
    first = answers(folder)
    assert [output.tobytes() for output in Graph(folder, "float32", threads=2)(PIXELS)] == first
    assert made == [folder]


def test_one_other_bit_of_the_network_is_another_graph(folder, made):
    first = answers(folder)
    numbers = bytearray((folder / NUMBERS).read_bytes())
    numbers[len(numbers) // 2 // 4 * 4 + 3] ^= 1  # of an exponent
    (folder / NUMBERS).write_bytes(numbers)
    os.utime(folder / NUMBERS, (1, 1))

    assert answers(folder) != first
    assert made == [folder, folder] and len(kept(folder)) == 2


def test_a_model_that_lies_elsewhere_is_the_same(folder, made):
    first = answers(folder)
    assert answers(folder.rename(folder.with_name("moved"))) == first and len(made) == 1


@pytest.mark.parametrize("damage", ["one bit", "its end is missing", "empty", "a folder"])
def test_what_is_damaged_is_made_again(folder, made, damage):
    first = answers(folder)
    (place,) = kept(folder)
    whole = place.read_bytes()
    if damage == "a folder":
        place.unlink()
        place.mkdir()
    else:
        changed = bytearray(whole)
        changed[len(whole) // 2] ^= 1
        place.write_bytes({"one bit": changed, "its end is missing": whole[: len(whole) // 2], "empty": b""}[damage])

    assert answers(folder) == first and made == [folder, folder]
    if damage != "a folder":
        assert answers(folder) == first and made == [folder, folder]


def test_what_the_engine_cannot_read_is_made_again(folder, made):
    first = answers(folder)
    kept_graphs.keep(kept(folder)[0], memoryview(b"of another engine"))
    assert answers(folder) == first and made == [folder, folder]


def test_no_home_is_made_for_it(folder, made):
    (folder.parent / "home").rmdir()
    assert answers(folder) == answers(folder) and made == [folder, folder]
    assert not (folder.parent / "home").exists()


def test_of_a_large_graph_nothing_is_kept(folder, made, monkeypatch):
    monkeypatch.setattr(kept_graphs, "LARGEST", (folder / NUMBERS).stat().st_size)
    assert answers(folder) == answers(folder) and made == [folder, folder] and not kept(folder)


def test_where_nothing_can_be_kept_answers_come_all_the_same(folder, made):
    (folder.parent / "home" / "cache").write_text("no folder")
    assert answers(folder) == answers(folder) and made == [folder, folder]


def test_what_was_not_used_for_longest_goes_first(tmp_path, monkeypatch):
    monkeypatch.setattr(kept_graphs, "ROOM", 100)
    places = [tmp_path / f"{name}.graph" for name in "abc"]
    for seconds, place in enumerate(places[:2]):
        kept_graphs.keep(place, memoryview(b"x" * 40))
        os.utime(place, (seconds, seconds))
    assert kept_graphs.read(places[0]) is not None
    kept_graphs.keep(places[2], memoryview(b"x" * 40))

    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.graph", "c.graph"]
