"""``affekt models``: list, show, promote, roll back, tell the history; hand a model on as one file, take one over."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from affekt.ensemble.exported import export_ensemble, open_exported
from affekt.ensemble.manifest import read_manifest
from affekt.errors import DataError
from affekt.pipelines.cli.outputs import check_output
from affekt.pipelines.cli.version_shown import version_shown
from affekt.progress import told_when_slow
from affekt.registry import Tracking, list_models, promote, register, resolve, rollback
from affekt.registry.history import entries_in
from affekt.registry.models import registered_model
from affekt.steps.version_story import story_of
from affekt.storage import file_digest


def main(options: argparse.Namespace) -> int:
    """Do the chosen action."""
    tracking = Tracking()
    if options.action == "list":
        return show(tracking, as_json=options.json)
    if options.action == "show":
        story = story_of(options.ref, tracking)
        print(json.dumps(story.to_dict(), indent=2) if options.json else version_shown(story))
        return 0
    if options.action == "promote":
        read_manifest(resolve(options.ref, tracking))  # nobody could be answered by a damaged one
        print(f"{promote(options.ref, tracking, reason=options.reason).reference} is the champion")
    elif options.action == "rollback":
        if options.to is not None:
            read_manifest(resolve(f"{options.name}/{options.to}", tracking))
        chosen = rollback(options.name, tracking, to=options.to, reason=options.reason)
        print(f"{chosen.reference} is the champion")
    elif options.action == "history":
        return show_history(tracking, options.name, as_json=options.json)
    elif options.action == "export":
        check_output(options.file)
        with told_when_slow(f"writing {options.file}"):
            digest = export_ensemble(resolve(options.ref, tracking), Path(options.file))
        print(f"{options.file}\nsha256 {digest}")
    else:
        with told_when_slow(f"reading {options.file}, trying the model and registering it as {options.name}"):
            version = bring_in(Path(options.file), options.name, tracking, sha256=options.sha256)
        ref = f"{options.name}/{version}"
        print(f"{ref} is registered; to make it the champion: affekt models promote {ref}")
    return 0


def bring_in(file: Path, name: str, tracking: Tracking, *, sha256: str | None = None) -> int:
    """Register an exported ensemble under a name, with a run of its own that says where it is from.

    Raises:
        DataError: the file is missing, has another digest, or is no exported ensemble.
    """
    if not file.is_file():
        raise DataError("is no file; expected one that `affekt models export` wrote", code="missing", where=str(file))
    digest = file_digest(file)
    if sha256 and digest != sha256.lower():
        raise DataError(
            f"has the SHA-256 {digest}, expected {sha256}; get it again", code="wrong_digest", where=str(file)
        )
    folder = open_exported(file)
    facts = {f"affekt.{key}": str(value) for key, value in read_manifest(folder)["facts"].items()}
    run = tracking.start_parent(f"import {file.name}", tags={"affekt.imported": digest})
    try:
        version = register(tracking, folder, name=name, run_id=run, tags={**facts, "affekt.imported": digest})
    except BaseException:
        tracking.finish(run, "FAILED")
        raise
    tracking.finish(run)
    return version


def show_history(tracking: Tracking, name: str, *, as_json: bool) -> int:
    """Print every change of a model's champion, the oldest first."""
    found = entries_in(registered_model(name, tracking).tags)
    if as_json:
        print(json.dumps({"history": [entry.to_dict() for entry in found]}, indent=2))
        return 0
    if not found:
        print(f"no champion of {name} was chosen yet")
    for entry in found:
        before = f"instead of {name}/{entry.instead_of}" if entry.instead_of else "the first"
        by = f"{entry.action} of {entry.who}" if entry.who else entry.action
        print(f"{entry.when}  {name}/{entry.version} {before}, by {by}")
        if entry.run_id:
            print(f"  run {entry.run_id}")
        if entry.reason:
            print(f"  {entry.reason}")
    return 0


def show(tracking: Tracking, *, as_json: bool) -> int:
    """Print all versions, the newest first."""
    found = list_models(tracking)
    if as_json:
        print(json.dumps({"models": [version.to_dict() for version in found]}, indent=2))
        return 0
    if not found:
        print(f"no model is registered yet in {tracking.place}; affekt train DATA registers one")
        return 0
    print(f"{'version':<20}{'aliases':<24}{'accuracy':>9}  created")
    for version in found:
        accuracy = version.metrics.get("accuracy")
        shown = "" if accuracy is None else f"{accuracy:.1%}"
        print(f"{version.reference:<20}{', '.join(version.aliases):<24}{shown:>9}  {version.created}")
    return 0
