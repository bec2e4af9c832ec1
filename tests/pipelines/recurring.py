"""The part of the stand-in of Kubeflow Pipelines that keeps pipelines, their versions, and recurring runs.

As strict as the rest: an unknown field, argument, path or parameter is refused, and a cron expression that is none of
its scheduler's.
"""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Mapping
from typing import Any

import yaml
from google.protobuf import json_format
from kfp.pipeline_spec import pipeline_spec_pb2
from kfp_server_api import V2beta1RecurringRun

_ROOT = "/apis/v2beta1"
_LISTING = {"page_token", "page_size", "sort_by", "namespace", "filter", "experiment_id"}
_FIELD = r"(?:\*|\d+(?:,\d+)*)"
Answer = tuple[int, Any]


def get(server: Any, path: str, query: Mapping[str, list[str]]) -> Answer:
    """Listings; recurring runs come two a page."""
    if set(query) - _LISTING:
        return 400, {"error": f"unknown parameters {sorted(query)}"}
    if path == f"{_ROOT}/recurringruns":
        first = int(query.get("page_token", ["0"])[0] or 0)
        found = list(server.recurring.values())
        more = {"next_page_token": str(first + 2)} if len(found) > first + 2 else {}
        return 200, {"recurringRuns": found[first : first + 2], **more}
    if path == f"{_ROOT}/pipelines":
        return 200, {"pipelines": _named(server.pipelines.values(), query)}
    if match := re.fullmatch(rf"{_ROOT}/pipelines/([^/]+)/versions", path):
        own = [each for each in server.versions.values() if each["pipeline_id"] == match[1]]
        return 200, {"pipeline_versions": _named(own, query)}
    return 404, {"error": path}


def _named(found: Any, query: Mapping[str, list[str]]) -> list[dict[str, Any]]:
    chosen = list(found)
    for each in json.loads(query.get("filter", ['{"predicates": []}'])[0])["predicates"]:
        if (each["operation"], each["key"]) != ("EQUALS", "display_name"):
            raise ValueError(f"a filter that the stand-in does not know: {each}")
        chosen = [one for one in chosen if one["display_name"] == each["stringValue"]]
    return chosen


def post(server: Any, path: str, query: Mapping[str, list[str]], content: bytes) -> Answer:
    """Uploads, new recurring runs, and their switch."""
    if path in (f"{_ROOT}/pipelines/upload", f"{_ROOT}/pipelines/upload_version"):
        return _upload(server, path, query, content)
    if match := re.fullmatch(rf"{_ROOT}/recurringruns/([^/]+):(enable|disable)", path):
        if match[1] not in server.recurring:
            return 404, {"error": "no such recurring run"}
        server.recurring[match[1]]["mode"] = match[2].upper()
        return 200, {}
    if path != f"{_ROOT}/recurringruns":
        return 404, {"error": path}
    body = json.loads(content)
    problems = _problems(server, body)
    if problems:
        return 400, {"error": "; ".join(problems)}
    identity = str(uuid.uuid4())
    server.recurring[identity] = {**body, "recurring_run_id": identity}
    return 200, server.recurring[identity]


def delete(server: Any, path: str) -> Answer:
    """Remove a recurring run."""
    identity = path.removeprefix(f"{_ROOT}/recurringruns/")
    return (200, {}) if server.recurring.pop(identity, None) else (404, {"error": path})


def _upload(server: Any, path: str, query: Mapping[str, list[str]], content: bytes) -> Answer:
    boundary = content.partition(b"\r\n")[0]
    (part,) = content.split(boundary)[1:-1]
    spec = next(yaml.load_all(part.partition(b"\r\n\r\n")[2].rstrip(b"\r\n"), yaml.CSafeLoader))
    json_format.ParseDict(spec, pipeline_spec_pb2.PipelineSpec())
    name = query["name"][0]
    if path.endswith("upload"):
        if any(each["display_name"] == name for each in server.pipelines.values()):
            return 409, {"error": "a pipeline of that name is there"}
        identity = f"p{len(server.pipelines)}"
        server.pipelines[identity] = {"pipeline_id": identity, "display_name": name}
        return 200, server.pipelines[identity]
    if query["pipelineid"][0] not in server.pipelines:
        return 404, {"error": "no such pipeline"}
    if any(each["display_name"] == name for each in server.versions.values()):
        return 409, {"error": "a version of that name is there"}
    identity = f"v{len(server.versions)}"
    made = {"pipeline_id": query["pipelineid"][0], "pipeline_version_id": identity, "display_name": name}
    server.versions[identity] = {**made, "spec": spec}
    return 200, made


def _problems(server: Any, body: Mapping[str, Any]) -> list[str]:
    unknown = set(body) - set(V2beta1RecurringRun.attribute_map.values())
    found = [f"unknown field {name!r}" for name in sorted(unknown)]
    named = body.get("pipeline_version_reference", {})
    version = server.versions.get(named.get("pipeline_version_id"))
    if version is None or version["pipeline_id"] != named.get("pipeline_id"):
        return [*found, "no such version of a pipeline"]
    cron = body.get("trigger", {}).get("cron_schedule", {}).get("cron", "")
    if not re.fullmatch(rf"0(?: {_FIELD}){{5}}", cron):
        found.append(f"{cron!r} is no cron expression with seconds")
    if not 1 <= int(body.get("max_concurrency", 0)) <= 10:
        found.append("max_concurrency has to be from 1 to 10")
    wanted = version["spec"]["root"]["inputDefinitions"]["parameters"]
    given = body.get("runtime_config", {}).get("parameters", {})
    found += [f"unknown argument {name!r}" for name in given if name not in wanted]
    return found + [
        f"no {name!r}" for name, facts in wanted.items() if not facts.get("isOptional") and name not in given
    ]
