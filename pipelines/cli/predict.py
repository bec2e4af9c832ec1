"""``affekt predict``: the emotion in clips, by a loaded model or a running server."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from affekt.errors import AffektError

Answerer = Callable[[str], dict[str, Any]]


def main(options: argparse.Namespace) -> int:
    """Print one answer per file, in order; 1 when a file has none."""
    model, answer = _server(options.url) if options.url else _loaded(options.model)
    results = []
    for name in options.files:
        try:
            result = {"file": name, **answer(name)}
        except AffektError as error:
            result = {"file": name, "error": {"code": error.code, "message": error.message}}
        results.append(result)
        if not options.json:
            print(line(result), flush=True)
    if options.json:
        print(json.dumps({"model": model, "results": results}, indent=2))
    return 1 if any("error" in result for result in results) else 0


def _loaded(ref: str) -> tuple[str, Answerer]:
    from affekt.ensemble import Ensemble
    from affekt.registry import Tracking, resolve

    ensemble = Ensemble.load(resolve(ref, Tracking()))
    return ref, lambda name: ensemble.predict_file(Path(name)).to_dict()


def _server(url: str) -> tuple[str, Answerer]:
    from serving.client import predict

    def answer(name: str) -> dict[str, Any]:
        document = predict(url, Path(name))
        return {key: value for key, value in document.items() if key not in ("model", "file")}

    return url, answer


def line(result: dict[str, Any]) -> str:
    """One answer as a sentence."""
    if "error" in result:
        return f"{result['file']}: error: {result['error']['message']}"
    others = ", ".join(
        f"{label} {value:.0%}"
        for label, value in sorted(result["probabilities"].items(), key=lambda item: -item[1])[1:3]
    )
    notes = f"  [{'; '.join(result['warnings'])}]" if result["warnings"] else ""
    seen = " and ".join(result["modalities"])
    return f"{result['file']}: {result['label']} {result['confidence']:.0%} (then {others}; from {seen}){notes}"
