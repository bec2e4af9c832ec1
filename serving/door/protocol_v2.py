"""The Open Inference Protocol, version 2, over HTTP: health, metadata, and inference on one clip a request."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping, Sequence
from typing import Any

from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

import affekt
from affekt.serving.door.bodies import read_json
from affekt.serving.door.clip_fields import (
    LABELS,
    WORDS,
    in_query,
    labels_of,
    misspelt,
    refuse_misspelt,
    said,
    timings_wanted,
)
from affekt.serving.door.desk import Desk
from affekt.serving.door.inbox import Clip, drained
from affekt.serving.door.refusal import Refusal
from affekt.serving.door.versions import Gone, Version
from affekt.serving.inner_fields import PERSON

#: What a client sends whose tensors stand behind the JSON document: the extension for binary tensor data.
_BINARY = "Inference-Header-Content-Length"
#: Bytes of a request: a clip in base64 is held in memory.
MOST_BYTES = 32 << 20
_OUTPUTS = ("label", "confidence", "probabilities")
#: What a request and its input consist of; and where what is said of a clip belongs, which is neither of them.
_REQUEST, _INPUT = ("id", "inputs", "outputs", "parameters"), ("name", "datatype", "shape", "data", "parameters")
_PLACE = dict.fromkeys(WORDS, 'the "parameters" beside "inputs"')
_EXPECTED = (
    'expected "inputs": [{"name": "clip", "datatype": "BYTES", "shape": [1], "data": ["…"]}] with the clip in base64, '
    'or with the name "uri" and an s3:// address'
)


def routes(desk: Desk) -> list[Route]:
    """The addresses of the protocol."""

    async def live(request: Request) -> Response:
        return JSONResponse({"live": True})

    async def ready(request: Request) -> Response:
        version = desk.versions.named(desk.versions.model)
        await _require_ready(desk, version)
        return JSONResponse({"ready": True})

    async def model_ready(request: Request) -> Response:
        version = desk.version_of(request)
        await _require_ready(desk, version)
        return JSONResponse({"name": desk.versions.model, "ready": True})

    async def server(request: Request) -> Response:
        return JSONResponse({"name": "affekt", "version": affekt.__version__, "extensions": []})

    async def metadata(request: Request) -> Response:
        version = desk.version_of(request)
        count = len(version.labels)
        outputs = zip(_OUTPUTS, ("BYTES", "FP64", "FP64"), ([1], [1], [1, count]), strict=True)
        return JSONResponse(
            {
                "name": desk.versions.model,
                "versions": list(desk.versions.all),
                "platform": f"affekt_{desk.options.engine}",
                "inputs": [{"name": name, "datatype": "BYTES", "shape": [1]} for name in ("clip", "uri")],
                "outputs": [{"name": name, "datatype": kind, "shape": shape} for name, kind, shape in outputs],
                "parameters": {"labels": list(version.labels)},
            }
        )

    async def infer(request: Request) -> Response:
        version = desk.version_of(request)
        refuse_misspelt(request)
        timings_wanted(request)  # before a body is waited for
        if _BINARY in request.headers:
            await drained(request)
            raise Refusal(400, "binary_data", f"binary tensor data ({_BINARY}) is not taken; {_EXPECTED}")
        try:
            asked = await read_json(request, desk.inbox, MOST_BYTES)
        except ClientDisconnect:
            raise Gone from None
        wanted, words = _outputs(asked), _words(asked)  # before there is a clip, which a refusal would leave behind
        labels = labels_of(*said(request, LABELS, words))
        task = {"labels": labels} if labels else {}
        person = desk.person_of(*said(request, PERSON, words))
        clip = await _clip(desk, request, asked)
        del asked["inputs"]  # it may be large, and the clip may wait long
        status, document = await desk.reply(request, version, clip, task, person)
        return JSONResponse(_inferred(asked, wanted, document) if status == 200 else document, status)

    model = "/v2/models/{model}"
    both = (model, f"{model}/versions/{{version}}")
    return [
        Route("/v2/health/live", live, methods=["GET"]),
        Route("/v2/health/ready", ready, methods=["GET"]),
        Route("/v2", server, methods=["GET"]),
        *(Route(f"{path}/ready", model_ready, methods=["GET"]) for path in both),
        *(Route(f"{path}/infer", infer, methods=["POST"]) for path in both),
        *(Route(path, metadata, methods=["GET"]) for path in both),
    ]


def _words(asked: Mapping[str, Any]) -> dict[str, list[Any]]:
    """What the parameters of a request say of its clip.

    Raises:
        Refusal: they are no object, or have a name that was likely meant as another one; or the ``id`` is no text.
    """
    parameters, name = asked.get("parameters"), asked.get("id")
    parameters = {} if parameters is None else parameters
    if not isinstance(parameters, Mapping) or not isinstance(name, str | int | None) or isinstance(name, bool):
        raise Refusal(400, "bad_inputs", 'expected "parameters" as an object, and "id" as a text')
    if why := misspelt(parameters, WORDS, in_query()) or misspelt(asked, _REQUEST, _PLACE):
        raise Refusal(400, "bad_inputs", why)
    return {name: [parameters[name]] for name in WORDS if name in parameters}


def _outputs(asked: Mapping[str, Any]) -> tuple[str, ...]:
    """The names of the outputs that are wanted, in their order; all of them where none is named."""
    given = asked.get("outputs")
    given = [] if given is None else given
    named = isinstance(given, list) and all(isinstance(item, Mapping) for item in given)
    names = tuple(item.get("name") for item in given) if named else (None,)
    if not all(name in _OUTPUTS for name in names):
        message = f'expected as "outputs" a list of objects with a "name" that is one of {", ".join(_OUTPUTS)}'
        raise Refusal(400, "bad_inputs", message)
    return names or _OUTPUTS


async def _require_ready(desk: Desk, version: Version) -> None:
    if await desk.versions.engine.ready(version.name) < 1:
        raise Refusal(503, "not_ready", f"no worker of version {version.name} can answer", retry_after=2)


async def _clip(desk: Desk, request: Request, asked: Mapping[str, Any]) -> Clip:
    """The clip of the only input."""
    try:
        (given,) = asked["inputs"]
        name, kind, data = str(given["name"]), given.get("datatype", "BYTES"), given["data"]
        shape = given.get("shape", [1])
        why = misspelt(given, _INPUT, _PLACE) or misspelt(given.get("parameters") or {}, (), _PLACE)
        while isinstance(data, list):
            (data,) = data
    except (KeyError, TypeError, ValueError, AttributeError):
        raise Refusal(400, "bad_inputs", _EXPECTED) from None
    if why:
        raise Refusal(400, "bad_inputs", why)
    one = isinstance(shape, list) and shape != [] and all(size == 1 and size is not True for size in shape)
    if kind != "BYTES" or name not in ("clip", "uri") or not isinstance(data, str) or not one:
        raise Refusal(400, "bad_inputs", _EXPECTED)
    if name == "uri":
        return await desk.named(request, {"uri": data})
    try:
        content = base64.b64decode(data, validate=True)
    except (binascii.Error, ValueError):
        raise Refusal(400, "bad_inputs", f"the clip is no base64; {_EXPECTED}") from None
    if not content:
        raise Refusal(400, "no_clip", _EXPECTED)
    with desk.inbox.writer() as writer:
        writer.write(content)
        return writer.done()


def _inferred(asked: Mapping[str, Any], wanted: Sequence[str], answer: Mapping[str, Any]) -> dict[str, Any]:
    """The answer as the protocol's tensors; the whole of it is a parameter."""
    labels = list(answer["probabilities"])
    tensors: list[dict[str, Any]] = [
        {"name": "label", "datatype": "BYTES", "shape": [1], "data": [answer["label"]]},
        {"name": "confidence", "datatype": "FP64", "shape": [1], "data": [answer["confidence"]]},
        {
            "name": "probabilities",
            "datatype": "FP64",
            "shape": [1, len(labels)],
            "data": [answer["probabilities"][label] for label in labels],
            "parameters": {"labels": labels},
        },
    ]
    outputs = {tensor["name"]: tensor for tensor in tensors}
    request_id = {} if asked.get("id") is None else {"id": str(asked["id"])}
    return {
        "model_name": answer["model"]["name"],
        "model_version": answer["model"]["version"],
        **request_id,
        "outputs": [outputs[name] for name in dict.fromkeys(wanted)],
        "parameters": {"answer": answer},
    }
