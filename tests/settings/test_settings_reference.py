"""The reference of settings: what `affekt settings` prints, and the document that is held against the code."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from affekt.errors import SettingsError
from affekt.pipelines.cli import run
from affekt.settings import Settings
from affekt.settings.reference import markdown, reference
from affekt.settings.setting import settings_of

DOCUMENT = Path(__file__).parents[2] / "docs" / "settings.md"


def test_the_document_is_what_the_code_says():
    assert DOCUMENT.read_text(encoding="utf-8") == markdown(), "run `make reference`"


def test_without_a_name_it_is_all_of_them():
    assert [row.key for row in reference()] == list(settings_of(Settings))


@pytest.mark.parametrize(
    ("name", "keys"),
    [
        ("evaluation", {"evaluation.bootstrap", "evaluation.confidence"}),
        ("vgg.step_", {"vgg.step_every", "vgg.step_factor"}),
        ("fusion.on_trial", {"fusion.optional"}),
    ],
)
def test_a_name_may_be_a_group_a_beginning_or_an_old_name(name, keys):
    assert {row.key for row in reference(name)} == keys


def test_an_unknown_name_gets_a_guess():
    with pytest.raises(SettingsError, match=r"vgg\.iteratons: unknown setting; did you mean vgg\.iterations"):
        reference("vgg.iteratons")


@pytest.mark.parametrize(
    ("preset", "overrides", "value", "origin"),
    [
        ("paper", [], 10000, "preset paper"),
        ("small", [], 100, "preset small"),
        ("small", ["vgg.iterations=7"], 7, "override"),
    ],
)
def test_a_value_says_where_it_comes_from(preset, overrides, value, origin):
    (row,) = reference("vgg.iterations", preset, overrides)
    assert (row.value, row.origin) == (value, origin)
    assert row.defaults == {"paper": 10000, "small": 100, "small_images": None}


def test_an_override_of_what_is_not_asked_for_is_refused():
    with pytest.raises(SettingsError, match=r"vgg\.batch_size: is not among the settings that svc stands for"):
        reference("svc", overrides=["vgg.batch_size=3"])


def test_the_command_prints_one_document(capsys):
    assert run(["settings", "seed", "--set", "seed=3", "--json"]) == 0
    (row,) = json.loads(capsys.readouterr().out)
    assert (row["key"], row["value"], row["origin"], row["expected"]) == ("seed", 3, "override", "whole number from 0")


def test_the_command_shows_a_setting_as_it_is_written(capsys):
    assert run(["settings", "svc.c"]) == 0
    out = capsys.readouterr().out
    assert "svc.c = null  (preset small)" in out
    assert "defaults: paper 2.7e-06, small null" in out
