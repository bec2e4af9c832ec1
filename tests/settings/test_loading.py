"""Settings: the paper's figures, overrides, and every mistake reported at once."""

from __future__ import annotations

import json
import logging
import re

import pytest

from affekt.errors import SettingsError
from affekt.extensions import model_specs
from affekt.settings import Settings, load_settings, old_names, settings_from_json, settings_of_stored
from affekt.settings.setting import settings_of

PAPER = {  # value: section of paper.md
    "media.face_size": (256, "3.2"),
    "vgg.input_size": (224, "3.2"),
    "random_forest.trees": (500, "4.2.2"),
    "random_forest.min_samples_split": (28, "4.2.2"),
    "svc.c": (2.7e-6, "4.2.2"),
    "svc.tolerance": (1e-3, "4.2.2"),
    "c3d.batch_size": (10, "4.3.1"),
    "c3d.momentum": (0.9, "4.3.1"),
    "c3d.learning_rate": (0.0001, "4.3.1"),
    "c3d.step_every": (5000, "4.3.1"),
    "c3d.step_factor": (0.1, "4.3.1"),
    "c3d.iterations": (20000, "4.3.1"),
    "vgg.batch_size": (256, "4.3.2"),
    "vgg.momentum": (0.9, "4.3.2"),
    "vgg.learning_rate": (0.001, "4.3.2"),
    "vgg.step_every": (4000, "4.3.2"),
    "vgg.step_factor": (0.1, "4.3.2"),
    "vgg.iterations": (10000, "4.3.2"),
    "bilstm.hidden": (1024, "4.3.3"),
    "bilstm.dropout": (0.85, "4.3.3"),
    "bilstm.time_steps": (64, "4.3.3"),
    "fusion.method": ("svm", "4.4"),
    "fusion.svm.c": (18.5, "4.4"),
}


@pytest.mark.parametrize("key", PAPER)
def test_the_paper_preset_holds_the_papers_figure(key):
    assert load_settings("paper").flat()[key] == PAPER[key][0]


@pytest.mark.parametrize("group", ["vgg", "c3d"])
def test_the_paper_preset_holds_the_papers_crops(group):
    settings = load_settings("paper")  # section 3.2: 224, 192 and 168 of 256
    assert [share * settings.media.face_size for share in getattr(settings, group).crops] == [224, 192, 168]


def test_still_images_alone_learn_for_rounds_unless_told_otherwise():
    assert load_settings("small", images=True).vgg.iterations is None
    assert load_settings("small", ["vgg.iterations=7"], images=True).vgg.iterations == 7
    assert load_settings("paper", images=True) == load_settings("paper")


def test_neither_iterations_nor_rounds_is_an_error():
    with pytest.raises(SettingsError, match=r"vgg\.iterations: null means as many as vgg\.rounds says"):
        load_settings("paper", ["vgg.iterations=null"])


def test_small_keeps_what_it_does_not_override():
    assert load_settings("small").c3d.momentum == load_settings("paper").c3d.momentum


@pytest.mark.parametrize(
    ("override", "key", "value"),
    [
        ("vgg.iterations=7", "vgg.iterations", 7),
        ("vgg.learning_rate=1e-4", "vgg.learning_rate", 1e-4),
        ("svc.c=null", "svc.c", None),
        ("vgg.batch_norm=false", "vgg.batch_norm", False),
        ("svc.c_candidates=[1, 0.5]", "svc.c_candidates", [1.0, 0.5]),
        ("svc.c_candidates=[1e-4]", "svc.c_candidates", [1e-4]),
        ("fusion.method=adaboost", "fusion.method", "adaboost"),
    ],
)
def test_an_override_is_read_as_yaml(override, key, value):
    assert load_settings("small", [override]).flat()[key] == value


@pytest.mark.parametrize(
    ("override", "named"),
    [
        ("vgg.iteratons=5", "did you mean vgg.iterations"),
        ("vgg.epochs=5", "did you mean vgg.iterations or vgg.rounds?"),
        ("c3d.lr=0.1", "did you mean c3d.learning_rate?"),
        ("svc.C=1", "did you mean svc.c or svc.c_candidates?"),
        ("evaluation.folds=5", "did you mean fusion.folds?"),
        ("vgg.nose=5", "affekt settings vgg lists those that there are"),
        ("vgg.iterations=many", "vgg.iterations: expected int"),
        ("vgg.iterations=0", "vgg.iterations: expected at least 1"),
        ("vgg.iterations=true", "vgg.iterations: expected int"),
        ("fusion.method=magic", "fusion.method: expected one of average"),
        ("vgg", "vgg: expected key=value"),
        ("vgg.iterations=[", "vgg.iterations: '[' is not a YAML value"),
        ("vgg.learning_rate=.nan", "vgg.learning_rate: expected at least 1e-08, got nan"),
        ("svc.c_candidates=1", "svc.c_candidates: expected a list of numbers, got 1"),
        ("fusion.optional=[nose]", "fusion.optional: expected a list of vgg, c3d"),
        ("vgg=3", "vgg: unknown setting"),
        ("face_margin=3", "did you mean media.face_margin?"),
        ("preset=paper", "preset: unknown setting"),
        ("media.detector=yunet", "media.detector_model: the detector yunet needs"),
        ("vgg.input_size=200", "vgg.input_size: 200 is larger than media.face_size"),
        ("c3d.micro_batch=3", "c3d.micro_batch: 3 does not divide"),
        ("svc.c_candidates=[]", "svc.c: null means chosen from svc.c_candidates"),
    ],
)
def test_a_wrong_setting_is_named(override, named):
    with pytest.raises(SettingsError, match=re.escape(named)):
        load_settings("small", [override])


def test_all_mistakes_are_reported_together():
    with pytest.raises(SettingsError) as caught:
        load_settings("small", ["vgg.foo=1", "c3d.momentum=3", "media.detector=yunet", "c3d.micro_batch=3"])
    assert len(caught.value.problems) == 4


def test_settings_survive_json():
    settings = load_settings("paper", ["seed=3"])
    assert settings_from_json(settings.to_json()) == settings


def test_settings_from_json_name_what_is_missing():
    text = load_settings("small").to_json().replace('"c": 18.5', '"d": 18.5')
    with pytest.raises(SettingsError, match=r"fusion\.svm\.c: missing"):
        settings_from_json(text)


def test_a_model_of_an_older_version_keeps_its_settings_and_gets_the_presets_for_new_ones():
    stored = load_settings("small", ["vgg.iterations=7"]).to_dict()
    del stored["vgg"]["dropout"]
    stored["vgg"]["long_gone"] = 1
    read = settings_of_stored(stored)
    assert read.vgg.iterations == 7
    assert read.vgg.dropout == load_settings("small").vgg.dropout


def test_a_fitted_fusion_has_settings_of_its_own():
    fusion = load_settings("small", ["fusion.random_forest.trees=7", "fusion.stacking.linear_c=[2]"]).fusion
    assert fusion.methods["random_forest"].trees == 7
    assert fusion.methods["stacking"].linear_c == [2.0]
    with pytest.raises(SettingsError, match=r"fusion\.stacking\.linear_c: expected a list of numbers from 1e-12 on"):
        load_settings("small", ["fusion.stacking.linear_c=[0]"])


def test_settings_that_were_written_before_are_read_under_the_present_names():
    values = load_settings("small").to_dict()
    del values["fusion"]["svm"]["c"]
    values["fusion"]["svm_c"] = 3.0
    assert settings_from_json(json.dumps(values)).fusion.methods["svm"].c == 3.0
    for method in ("svm", "random_forest", "adaboost", "stacking"):
        del values["fusion"][method]
    assert settings_of_stored(values) == load_settings("small", ["fusion.svm.c=3"])


def test_a_model_of_before_sees_faces_as_it_learned_them():
    stored = load_settings("small").to_dict()
    del stored["media"]["face_side"]

    assert settings_of_stored(stored).media.face_side == "longer"
    assert settings_of_stored(load_settings("small").to_dict()).media.face_side == "area"


OLD = load_settings("small", ["fusion.optional=[svc]"]).to_json().replace('"optional"', '"on_trial"')


def test_an_old_name_is_read_and_named_once(caplog):
    old_names._tell.cache_clear()
    with caplog.at_level(logging.INFO, logger="affekt"):
        for _ in range(2):
            assert load_settings("small", ["fusion.on_trial=[svc]"]).fusion.optional == ["svc"]
    assert caplog.messages == ["the setting fusion.on_trial is called fusion.optional now; the old name is still read"]


def test_old_names_are_read_in_json_and_in_stored_models():
    assert settings_from_json(OLD).fusion.optional == ["svc"]
    assert settings_of_stored(json.loads(OLD)).fusion.optional == ["svc"]


@pytest.mark.parametrize(("old", "new"), old_names.RENAMED.items())
def test_an_old_name_stands_for_a_setting_that_there_is(old, new):
    assert new in settings_of(Settings)
    assert old not in settings_of(Settings)


@pytest.mark.parametrize(
    ("change", "named"),
    [
        (lambda document: document.pop("vgg"), ["vgg: missing"]),
        (lambda document: document.update(vgg=3), ["vgg: expected a group of settings, got 3"]),
        (lambda document: document["vgg"].update(nose=1), ["vgg.nose: unknown setting"]),
        (
            lambda document: document["vgg"].update(width={"a": 1}),
            ["vgg.width.a: unknown setting", "vgg.width: missing"],
        ),
    ],
)
def test_settings_from_json_name_what_is_misplaced(change, named):
    document = load_settings("small").to_dict()
    change(document)
    with pytest.raises(SettingsError) as caught:
        settings_from_json(json.dumps(document))
    assert list(caught.value.problems) == named


def test_every_setting_says_what_it_means():
    assert [key for key, setting in settings_of(Settings).items() if not setting.meaning] == []


def test_the_models_that_are_optional_are_those_whose_specs_say_so_for_the_preset():
    assert load_settings("paper").fusion.optional == [name for name, spec in model_specs().items() if spec.optional]
    everywhere = [name for name, spec in model_specs().items() if spec.optional is True]
    assert load_settings("small").fusion.optional == everywhere == ["joint"]
