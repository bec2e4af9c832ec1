"""The OpenAPI document says what the door does: its addresses, its answers, its errors."""

from __future__ import annotations

import asyncio
import base64
import itertools
import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import jsonschema
import pytest
import requests

from affekt.ensemble import Ensemble
from affekt.serving.door import app
from affekt.serving.door.contract import ERRORS, contract
from affekt.serving.door.options import Options
from affekt.serving.door.refusal import ENGINE_STATUS

SERVING = Path(app.__file__).parent


def schema_of(name):
    document = contract()
    return {**document["components"]["schemas"][name], "components": document["components"]}


def test_every_address_of_the_door_is_in_the_contract_and_no_other(door):
    said = requests.get(f"{door.base}/openapi.json", timeout=30).json()
    assert said == contract()
    desk = SimpleNamespace(versions=SimpleNamespace(model="affekt"))
    promised = {(path, method) for path, methods in said["paths"].items() for method in methods}
    offered = {(route.path, method.lower()) for route in app.routes_of(desk) for method in route.methods - {"HEAD"}}
    hidden = {("/", "get"), *((path, method) for path, method in offered if path.startswith("/page/"))}
    assert offered - hidden == promised


def test_an_answer_is_as_promised(tiny_ensemble, clip):
    model = {"name": "affekt", "version": "7", "digest": "d"}
    answer = {**Ensemble.load(tiny_ensemble).predict_file(clip).to_dict(), "model": model}
    jsonschema.validate(answer, schema_of("Answer"))
    assert set(answer) == set(schema_of("Answer")["required"])


def test_every_status_that_is_refused_with_is_in_the_contract():
    text = "".join(path.read_text(encoding="utf-8") for path in SERVING.glob("*.py"))
    used = {int(part[:3]) for part in itertools.islice(text.split("Refusal("), 1, None) if part[:3].isdigit()}
    assert used | set(ENGINE_STATUS.values()) <= set(ERRORS)


def inference():
    """What the contract says of a request of the Open Inference Protocol."""
    operation = contract()["paths"]["/v2/models/{model}/infer"]["post"]
    return operation["requestBody"]["content"]["application/json"]["schema"]


CLIP = {"name": "clip", "datatype": "BYTES", "shape": [1], "data": ["eA=="]}


@pytest.mark.parametrize(
    "asked",
    [
        {"inputs": [{**CLIP, "name": ""}]},
        {"inputs": [{**CLIP, "datatype": "FP32"}]},
        {"inputs": [{**CLIP, "shape": [0]}]},
        {"inputs": [{name: value for name, value in CLIP.items() if name != "data"}]},
        {"inputs": [{**CLIP, "data": ["eA==", "eA=="]}]},
        {"inputs": [CLIP], "outputs": ["label"]},
        {"inputs": [CLIP], "parameters": {"person": "a b"}},
    ],
)
def test_inputs_that_are_refused_are_none_by_the_contract(door, asked):
    said = requests.post(f"{door.base}/v2/models/affekt/infer", json=asked, timeout=30)
    assert said.status_code == 400
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(asked, inference())


def test_all_that_the_contract_lets_one_ask_for_is_answered(door, clip):
    given = {**CLIP, "data": [base64.b64encode(clip.read_bytes()).decode()]}
    words = {"person": "7f3a", "labels": ["happy", "sad"]}
    asked = {"id": "a", "inputs": [given], "outputs": [{"name": "label"}], "parameters": words}
    jsonschema.validate(asked, inference())
    assert requests.post(f"{door.base}/v2/models/affekt/infer", json=asked, timeout=60).status_code == 200


@pytest.mark.parametrize("path", ["/nothing", "/v2/models/other"])
def test_an_error_is_as_promised(door, path):
    jsonschema.validate(requests.get(f"{door.base}{path}", timeout=30).json(), schema_of("Error"))


def test_a_fault_of_the_door_itself_is_an_error_as_promised_too():
    desk = SimpleNamespace(
        options=Options("", ""),
        versions=SimpleNamespace(model="affekt"),
        metrics=SimpleNamespace(answered=lambda *_: None),
    )
    sent: list[dict[str, Any]] = []

    async def asked() -> None:
        async def send(message):
            sent.append(message)

        scope = {
            "type": "http",
            "method": "GET",
            "path": "/models",
            "query_string": b"",
            "headers": [(b"host", b"localhost")],
        }
        await app.application(desk)(scope, None, send)

    asyncio.run(asked())
    error = json.loads(sent[1]["body"])
    jsonschema.validate(error, schema_of("Error"))
    assert (sent[0]["status"], error["error"]["code"]) == (500, "internal")


def test_a_request_that_the_end_of_the_server_cuts_off_has_an_error_as_promised_too():
    async def ready(name):
        await asyncio.sleep(60)

    versions = SimpleNamespace(model="affekt", all={"7": None}, default="7", engine=SimpleNamespace(ready=ready))
    desk = SimpleNamespace(
        options=Options("", ""), versions=versions, metrics=SimpleNamespace(answered=lambda *_: None)
    )
    sent: list[dict[str, Any]] = []
    headers = [(b"host", b"localhost"), (b"x-request-id", b"mine")]
    scope = {"type": "http", "method": "GET", "path": "/models", "query_string": b"", "headers": headers}

    async def cut_off() -> None:
        async def send(message):
            sent.append(message)

        asking = asyncio.create_task(app.application(desk)(scope, None, send))
        await asyncio.sleep(0.05)
        asking.cancel()
        await asyncio.wait({asking})

    asyncio.run(cut_off())
    error = json.loads(sent[1]["body"])
    jsonschema.validate(error, schema_of("Error"))
    assert (sent[0]["status"], error["error"]["code"]) == (503, "not_ready")
    assert dict(sent[0]["headers"])[b"x-request-id"] == b"mine" and dict(sent[0]["headers"])[b"retry-after"] == b"5"


def test_the_page_of_the_contract_needs_nothing_from_elsewhere(door):
    page = requests.get(f"{door.base}/docs", timeout=30)
    assert page.headers["content-security-policy"].startswith("default-src 'none'")
    assert "/predictions/{model}" in page.text
    assert "http://" not in page.text and "https://" not in page.text and "<script" not in page.text
