"""``affekt predict``: the emotion in clips, by a loaded model or a running server."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from affekt.errors import AffektError

if TYPE_CHECKING:
    from affekt.ensemble import Answer

Answerer = Callable[[str], dict[str, Any]]


def main(options: argparse.Namespace) -> int:
    """Print one answer per file, in order; 1 when a file has none."""
    if options.same_person and options.url:
        print("affekt: --same-person adapts with a loaded model; leave out --url", file=sys.stderr)
        return 2
    if options.same_person:
        model, answers = options.model, _of_one_person(options.model, options.files)
    else:
        model, answer = _server(options.url) if options.url else _loaded(options.model)
        answers = _each(options.files, answer)
    results = []
    for result in answers:
        results.append(result)
        if not options.json:
            print(line(result), flush=True)
    if options.json:
        adapted = {"same_person": sum("error" not in result for result in results)} if options.same_person else {}
        print(json.dumps({"model": model, **adapted, "results": results}, indent=2))
    return 1 if any("error" in result for result in results) else 0


def _each(files: Iterable[str], answer: Answerer) -> Iterator[dict[str, Any]]:
    for name in files:
        try:
            yield {"file": name, **answer(name)}
        except AffektError as error:
            yield _error(name, error)


def _of_one_person(ref: str, files: Sequence[str]) -> Iterator[dict[str, Any]]:
    from affekt.ensemble import Ensemble
    from affekt.registry import Tracking, resolve

    ensemble = Ensemble.load(resolve(ref, Tracking()))
    answers: list[Answer | AffektError] = ensemble.predict_files_of_person(files)
    for name, answer in zip(files, answers, strict=True):
        yield _error(name, answer) if isinstance(answer, AffektError) else {"file": name, **answer.to_dict()}


def _error(name: str, error: AffektError) -> dict[str, Any]:
    return {"file": name, "error": {"code": error.code, "message": error.message}}


def _loaded(ref: str) -> tuple[str, Answerer]:
    from affekt.ensemble import Ensemble
    from affekt.registry import Tracking, resolve

    ensemble = Ensemble.load(resolve(ref, Tracking()))
    return ref, lambda name: ensemble.predict_file(Path(name)).to_dict()


def _server(url: str) -> tuple[str, Answerer]:
    from affekt.serving.client import predict

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
