"""Which number format networks are computed in on a CPU: by measurement, once, and remembered."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from affekt.machine import processor
from affekt.models import engine, hardware, number_format
from affekt.models.number_format import Measured, measured


class Ways:
    """Formats that take so many milliseconds of the processor, and how often they were asked for."""

    def __init__(self, **milliseconds: float) -> None:
        self.milliseconds, self.asked = milliseconds, 0

    def __call__(self) -> dict[str, Callable[[], object]]:
        self.asked += 1
        return {name: lambda took=took: _busy(took / 1e3) for name, took in self.milliseconds.items()}


def _busy(seconds: float) -> None:
    ends = time.process_time() + seconds
    while time.process_time() < ends:
        pass


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch) -> Path:
    folder = tmp_path / "home"
    folder.mkdir()
    monkeypatch.setenv("AFFEKT_HOME", str(folder))
    monkeypatch.setattr(number_format, "_known", {})
    return folder


def another_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """What this process knows is forgotten."""
    monkeypatch.setattr(number_format, "_known", {})


@pytest.mark.parametrize(
    ("bfloat16", "quicker"), [(2, "bfloat16"), (7, "bfloat16"), (9, "float32"), (10, "float32"), (14, "float32")]
)
def test_bfloat16_is_taken_where_it_is_clearly_quicker(bfloat16, quicker):
    assert measured("engine", "1", Ways(float32=10, bfloat16=bfloat16)).quicker == quicker


def test_a_moment_in_which_something_disturbs_does_not_count(monkeypatch):
    turns = iter(range(99))

    def sometimes_slow() -> None:
        _busy(0.05 if next(turns) % 3 else 0.002)

    ways = {"float32": lambda: _busy(0.005), "bfloat16": sometimes_slow}
    assert measured("engine", "1", lambda: ways).quicker == "bfloat16"


def test_it_is_measured_once_and_other_processes_take_the_same(monkeypatch):
    ways = Ways(float32=2, bfloat16=1)
    first = measured("engine", "1", ways)
    assert measured("engine", "1", ways) == first
    another_process(monkeypatch)
    assert measured("engine", "1", ways) == first
    assert ways.asked == 1


@pytest.mark.parametrize("what", ["engine", "version", "processor"])
def test_another_engine_version_or_processor_is_measured_anew(what, monkeypatch):
    ways = Ways(float32=2, bfloat16=1)
    measured("engine", "1", ways)
    another_process(monkeypatch)
    if what == "processor":
        monkeypatch.setattr(number_format, "processor", lambda: "another one")
    measured("other" if what == "engine" else "engine", "2" if what == "version" else "1", ways)
    assert ways.asked == 2


@pytest.mark.parametrize("told", ["", "{", "[]", '{"float32": 1}', '{"float32": 0, "bfloat16": NaN}'])
def test_what_is_remembered_and_damaged_is_measured_anew(told, home, monkeypatch):
    ways = Ways(float32=2, bfloat16=1)
    measured("engine", "1", ways)
    (file,) = home.glob("cache/formats/*.json")
    file.write_text(told)
    another_process(monkeypatch)
    assert measured("engine", "1", ways).quicker == "bfloat16"
    assert ways.asked == 2


def test_no_home_is_made_for_it(tmp_path, monkeypatch):
    monkeypatch.setenv("AFFEKT_HOME", str(tmp_path / "none"))
    measured("engine", "1", Ways(float32=2, bfloat16=1))
    assert not (tmp_path / "none").exists()


def test_a_home_that_cannot_be_written_to_is_no_fault(home, monkeypatch):
    (home / "cache").write_text("a file in the way")
    assert measured("engine", "1", Ways(float32=2, bfloat16=1)).quicker == "bfloat16"


@pytest.mark.parametrize(
    ("int8", "pays"), [({}, False), ({"int8": 2}, True), ({"int8": 5}, False), ({"int8": 9}, False)]
)
def test_int8_is_taken_where_it_is_clearly_quicker_than_the_better_float_format(int8, pays, monkeypatch):
    ways = Ways(float32=10, bfloat16=5, **int8)
    assert measured("engine", "1", ways).int8_pays is pays
    another_process(monkeypatch)
    assert (measured("engine", "1", ways).int8_pays, ways.asked) == (pays, 1)


def test_what_was_remembered_before_int8_was_measured_is_measured_anew(home, monkeypatch):
    ways = Ways(float32=2, bfloat16=2)
    monkeypatch.setattr(number_format, "_LAYOUT", "1")
    measured("engine", "1", ways)
    another_process(monkeypatch)
    monkeypatch.undo()
    monkeypatch.setenv("AFFEKT_HOME", str(home))
    monkeypatch.setattr(number_format, "_known", {})
    measured("engine", "1", ways)
    assert ways.asked == 2


def test_int8_is_not_measured_where_its_sums_are_wrong(monkeypatch):
    def saturated(maps, count):
        operations = engine.engine(".opset8")
        return operations.minimum(whole_numbers(maps, count), np.float32(32767))  # what sixteen bits hold

    whole_numbers = engine._in_whole_numbers
    monkeypatch.setattr(engine, "_in_whole_numbers", saturated)
    assert set(engine._convolutions()) == {"float32", "bfloat16"}


def test_a_processor_with_an_instruction_for_int8_has_the_right_sums():
    if not {"avx512_vnni", "avx_vnni", "amx_int8"} & set(processor().split()):
        pytest.skip("this processor has no instruction that multiplies in int8")
    assert set(engine._convolutions()) == {"float32", "bfloat16", "int8"}


def test_both_engines_are_measured_alike_on_this_processor():
    by_torch = measured("torch", "1", hardware._convolutions)
    by_openvino = measured("openvino", "1", engine._convolutions)
    assert by_torch.quicker == by_openvino.quicker


def test_measuring_draws_no_random_numbers():
    import torch  # heavy

    torch.manual_seed(7)
    expected = torch.rand(3)
    torch.manual_seed(7)
    measured("torch", "1", hardware._convolutions)
    assert torch.equal(torch.rand(3), expected)


def test_shares_are_of_the_time_in_float32():
    assert Measured(2.0, 1.0).share == 0.5
