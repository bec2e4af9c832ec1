"""The contract of the door as an OpenAPI document; a test holds it against the routes and the answers."""

from __future__ import annotations

from typing import Any

import affekt
from affekt.serving.door.bodies import NO_CLIP

Document = dict[str, Any]

_NUMBER: Document = {"type": "number", "minimum": 0, "maximum": 1}
_VECTOR: Document = {"type": "object", "additionalProperties": _NUMBER}
_PERSON: Document = {"type": "string", "pattern": "^[A-Za-z0-9._:@-]{0,64}$"}
_CLIP: Document = {
    "required": True,
    "content": {
        "application/octet-stream": {"schema": {"type": "string", "format": "binary"}},
        "multipart/form-data": {
            "schema": {
                "type": "object",
                "properties": {
                    "data": {"type": "string", "format": "binary"},
                    "person": _PERSON,
                    "labels": {"type": "string"},
                },
            }
        },
        "application/json": {
            "schema": {
                "type": "object",
                "required": ["uri"],
                "properties": {
                    "uri": {"type": "string", "description": "s3:// address in a bucket that is allowed"},
                    "person": _PERSON,
                    "labels": {"type": ["string", "array"], "items": {"type": "string"}},
                },
            }
        },
    },
    "description": f"The clip: {NO_CLIP}. Any other content type, or none, is taken as the raw body.",
}
#: What each status of an error means.
ERRORS = {
    400: "the clip or the request cannot be used",
    401: "a key is asked for and none is given, or none of those that hold",
    403: "what is asked for is not allowed",
    404: "there is no such model, version or object",
    408: "the body came too slowly",
    413: "the clip is over a limit",
    415: "the body is compressed",
    421: "the Host header names no host of this server",
    429: "the key asks too often",
    500: "the server failed",
    502: "the storage failed",
    503: "there is no room, or no worker is ready; Retry-After says when to try again",
    504: "a worker did not answer in time and is replaced",
    507: "the server has too little memory for this clip",
}
#: What a parameter of the query means, where its name does not tell.
_SAID = {
    "labels": {
        "description": "labels that can be right, with commas: the answer is among them alone; also a field of a form "
        "or of the JSON document"
    },
    "person": {
        "description": "a word for the person whom the clip shows: the answer is adapted to what that person's clips "
        "showed before, of which statistics are kept for a while; also a field of a form or of the JSON document"
    },
}
_EVERYWHERE = (401, 403, 421, 429, 500)
_OF_CLIPS = (400, 404, 408, 413, 415, 502, 503, 504, 507)


def contract(title: str = "affekt") -> Document:
    """The OpenAPI document, 3.1."""
    return {
        "openapi": "3.1.0",
        "info": {
            "title": title,
            "version": affekt.__version__,
            "description": "Answers which emotion a person shows in a video clip, by face and voice.",
        },
        "paths": {**_predictions(), **_protocol(), **_facts()},
        "components": {
            "schemas": {"Answer": _answer(), "Error": _error()},
            "securitySchemes": {"key": {"type": "http", "scheme": "bearer"}},
        },
        "security": [{}, {"key": []}],
    }


def _operation(summary: str, said: Document, errors: tuple[int, ...], *names: str, **further: Any) -> Document:
    headers = {"X-Request-Id": {"schema": {"type": "string"}, "description": "the caller's, or one that was made"}}
    responses: Document = {"200": {"description": summary, "headers": headers, "content": said}}
    for status in sorted({*errors, *_EVERYWHERE}):
        responses[str(status)] = {
            "description": ERRORS[status],
            "headers": headers,
            "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Error"}}},
        }
    parameters = [{"name": name, "in": "path", "required": True, "schema": {"type": "string"}} for name in names]
    return {"summary": summary, **({"parameters": parameters} if names else {}), "responses": responses, **further}


def _json(schema: Document) -> Document:
    return {"application/json": {"schema": schema}}


def _object(**properties: Document) -> Document:
    return {"type": "object", "required": list(properties), "properties": properties}


def _predictions() -> Document:
    answer = _json({"$ref": "#/components/schemas/Answer"})
    named = ("model", "version")
    return {
        "/predictions/{model}": {
            "post": _with_query(
                _operation("The answer about a clip", answer, _OF_CLIPS, *named[:1], requestBody=_CLIP),
                timings="integer",
                labels="string",
                person="string",
            )
        },
        "/predictions/{model}/{version}": {
            "post": _with_query(
                _operation("The answer of one version", answer, _OF_CLIPS, *named, requestBody=_CLIP),
                timings="integer",
                labels="string",
                person="string",
            )
        },
        "/timeline/{model}": {"post": _with_query(_timeline(), every="number", labels="string")},
        "/explanations/{model}": {"post": _with_query(_explanations(), label="string", frames="integer")},
    }


def _with_query(operation: Document, **kinds: str) -> Document:
    """An operation that takes parameters in the query besides."""
    query = [
        {"name": name, "in": "query", "schema": {"type": kind}, **_SAID.get(name, {})} for name, kind in kinds.items()
    ]
    return {**operation, "parameters": [*operation["parameters"], *query]}


def _timeline() -> Document:
    number: Document = {"type": "number"}
    window: Document = {
        "type": "object",
        "required": ["from", "to"],
        "properties": {
            "from": number,
            "to": number,
            "label": {"type": "string"},
            "confidence": _NUMBER,
            "probabilities": {**_VECTOR, "description": "from all that could be used"},
            "face": {"type": ["object", "null"], "additionalProperties": _NUMBER, "description": "from the face alone"},
            "voice": {"type": ["object", "null"], "additionalProperties": _NUMBER, "description": "the voice alone"},
            "modalities": {"type": "array", "items": {"enum": ["face", "voice"]}},
            "warnings": {"type": "array", "items": {"type": "string"}},
            "error": {"type": "object", "description": "why this window has no answer"},
        },
    }
    said = _json(_object(every=number, windows={"type": "array", "items": window}, model={"type": "object"}))
    summary = "The answers of windows of a clip, of every seconds (default 2)"
    return _operation(summary, said, _OF_CLIPS, "model", requestBody=_CLIP)


def _explanations() -> Document:
    by_model: Document = {"type": "object"}
    why = _object(
        label={"type": "string"},
        face={**by_model, "description": "by model: time, and png in base64, Grad-CAM over the face"},
        voice={**by_model, "description": "by model: descriptors with their share in the probability of the label"},
        models={**by_model, "description": "by model: its probability of the label, and the fused one without it"},
    )
    said = _json(_object(answer={"type": "object"}, explanation=why, model={"type": "object"}))
    summary = "Why a label (default the answered one), drawn on so many frames (default 3, at most 8)"
    return _operation(summary, said, _OF_CLIPS, "model", requestBody=_CLIP)


def _protocol() -> Document:
    yes: Document = {"type": "boolean"}
    text: Document = {"type": "string"}
    tensor = _object(name=text, datatype=text, shape={"type": "array", "items": {"type": "integer"}})
    described = _object(
        name=text,
        versions={"type": "array", "items": text},
        platform=text,
        inputs={"type": "array", "items": tensor},
        outputs={"type": "array", "items": tensor},
    )
    inferred = _object(model_name=text, model_version=text, outputs={"type": "array", "items": tensor})
    inferred["properties"] |= {"id": text, "parameters": {"type": "object", "description": "answer: the whole answer"}}
    asked = _asked()
    ready = (404, 503)
    paths: Document = {
        "/v2": {"get": _operation("The server", _json(_object(name=text, version=text)), ())},
        "/v2/health/live": {"get": _operation("The door runs", _json(_object(live=yes)), ())},
        "/v2/health/ready": {"get": _operation("A worker can answer", _json(_object(ready=yes)), ready)},
    }
    for path, names in (
        ("/v2/models/{model}", ("model",)),
        ("/v2/models/{model}/versions/{version}", ("model", "version")),
    ):
        paths[path] = {"get": _operation("Inputs and outputs", _json(described), ready, *names)}
        known = _json(_object(name=text, ready=yes))
        paths[f"{path}/ready"] = {"get": _operation("A worker of it can answer", known, ready, *names)}
        body = {"required": True, "content": _json(asked)}
        infer = _operation("The answer as tensors", _json(inferred), _OF_CLIPS, *names, requestBody=body)
        paths[f"{path}/infer"] = {"post": infer}
    return paths


def _asked() -> Document:
    """What the protocol's requests consist of here."""
    text: Document = {"type": "string"}
    given = _object(
        name={"enum": ["clip", "uri"], "description": "the clip in base64, or its s3:// address"},
        datatype={"enum": ["BYTES"]},
        shape={"type": "array", "minItems": 1, "items": {"const": 1}},
        data={"type": "array", "minItems": 1, "maxItems": 1, "items": {"type": ["string", "array"]}},
    )
    asked = _object(inputs={"type": "array", "minItems": 1, "maxItems": 1, "items": given})
    wanted = _object(name={"enum": ["label", "confidence", "probabilities"]})
    words: Document = {"person": _PERSON, "labels": {"type": ["string", "array"], "items": text}}
    asked["properties"] |= {
        "id": text,
        "outputs": {"type": "array", "items": wanted, "description": "that are wanted, in their order; else all"},
        "parameters": {"type": "object", "properties": words},
    }
    return asked


def _facts() -> Document:
    text: Document = {"type": "string"}
    page: Document = {"text/html": {"schema": text}}
    models = _object(models={"type": "array", "items": _object(name=text, version=text, default={"type": "boolean"})})
    return {
        "/ping": {"get": _operation("The door runs", _json(_object(status=text)), ())},
        "/models": {"get": _operation("The versions that answer", _json(models), ())},
        "/metrics": {"get": _operation("What Prometheus reads", {"text/plain": {"schema": text}}, ())},
        "/openapi.json": {"get": _operation("This document", _json({"type": "object"}), ())},
        "/docs": {"get": _operation("This document as a page", page, ())},
    }


def _answer() -> Document:
    text: Document = {"type": "string"}
    count: Document = {"type": "integer", "minimum": 0}
    answer = _object(
        label={**text, "description": "the most probable"},
        confidence=_NUMBER,
        probabilities={**_VECTOR, "description": "of each label"},
        models={"type": "object", "additionalProperties": _VECTOR, "description": "those of each model alone"},
        modalities={"type": "array", "items": {"enum": ["face", "voice"]}, "description": "that were used"},
        frames=count,
        frames_with_face=count,
        warnings={"type": "array", "items": text},
        face={"type": ["object", "null"], "description": "the analysed face: box, times, among how many people"},
        model=_object(name=text, version=text, digest=text),
    )
    among: Document = {"type": "array", "items": text, "description": "the labels that were given as possible"}
    answer["properties"]["known_labels"] = among
    answer["properties"]["earlier_clips"] = {**count, "description": "of the named person, to which it is adapted"}
    return {**answer, "description": "Fields may be added; none of these changes its meaning."}


def _error() -> Document:
    text: Document = {"type": "string"}
    return _object(error=_object(code={**text, "description": "a stable word"}, message=text))
