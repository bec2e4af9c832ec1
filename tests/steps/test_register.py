"""A registered version and the evidence for it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml

import affekt
from affekt.ensemble.manifest import read_manifest
from affekt.registry import list_models
from affekt.revision import revision
from affekt.steps.evaluate import evaluate
from affekt.steps.register import register_ensemble
from affekt.steps.step_image import IMAGE_VARIABLE


@pytest.fixture(scope="module")
def registered(tmp_path_factory, tiny_run, tiny_settings, registry_in):
    """The tracking, the run, and the number of a version of the tiny ensemble."""
    home = tmp_path_factory.mktemp("registered")
    evaluate(
        tiny_run.prepared, tiny_run.scores, tiny_run.ensemble, str(tiny_run.store), tiny_settings, home / "evaluation"
    )
    tracking = registry_in(home)
    secret = "s3://bucket/week 7?X-Amz-Signature=abc"
    run_id = tracking.start_parent("weekly", {"vgg.pretrained": "https://ann:pw@host/w.pt"}, {"affekt.data": secret})
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(IMAGE_VARIABLE, "registry/affekt:1")
        version = register_ensemble(tracking, tiny_run.ensemble, home / "evaluation", name="affekt", run_id=run_id)
    return tracking, run_id, version


def test_the_card_is_the_description_and_a_file_of_run_and_model(registered, tmp_path):
    tracking, run_id, version = registered
    described = tracking.client.get_model_version("affekt", str(version))
    assert described.description.startswith("# affekt\n")
    assert "`week 7`" in described.description
    card = Path(tracking.client.download_artifacts(run_id, "model-card.md", str(tmp_path)))
    assert card.read_text(encoding="utf-8")[:5000] == described.description
    assert len(list((tracking.home / "mlartifacts").rglob("model-card.md"))) == 2


def test_the_version_says_what_made_it(registered, tiny_run):
    tracking, run_id, _ = registered
    (version,) = list_models(tracking)
    manifest = read_manifest(tiny_run.ensemble)
    assert version.tags["affekt.revision"] == revision()
    assert all(
        f'"{name}": "{number}"' in version.tags["affekt.packages"] for name, number in manifest["packages"].items()
    )
    assert int(version.tags["affekt.size_bytes"]) > 10_000
    assert version.tags["affekt.image"] == "registry/affekt:1"
    assert tracking.client.get_run(run_id).data.tags["mlflow.source.git.commit"] == revision()
    assert set(version.metrics) == {"accuracy", "unweighted_average_recall"}


def test_no_path_of_this_machine_stands_in_the_model(registered, tiny_run):
    tracking, _, _ = registered
    (model,) = (tracking.home / "mlartifacts" / "models").iterdir()
    texts = [path.read_bytes() for path in model.rglob("*") if path.is_file()]
    here = {str(place).encode() for place in (tracking.home, tiny_run.ensemble.parent, Path(affekt.__file__).parent)}
    assert [place for place in here if any(place in text for text in texts)] == []


def test_the_model_says_what_it_takes_and_gives(registered):
    tracking, _, _ = registered
    (description,) = (tracking.home / "mlartifacts" / "models").rglob("MLmodel")
    told = yaml.safe_load(description.read_text())
    assert told["signature"]["inputs"] == '[{"type": "string", "required": true}]'
    assert json.loads((description.parent / "input_example.json").read_text()) == ["clip.mp4"]


def test_no_secret_stands_in_parameters_tags_or_card(registered):
    tracking, run_id, version = registered
    run = tracking.client.get_run(run_id)
    described = tracking.client.get_model_version("affekt", str(version))
    everything = repr([run.data.params, run.data.tags, described.tags, described.description])
    assert "ann" not in run.data.params["vgg.pretrained"]
    assert not any(secret in everything for secret in ("abc'", "Signature", ":pw@"))
    assert run.data.tags["affekt.data"] == "s3://bucket/week 7?***"
