"""``affekt weights``: list, fetch, import and verify the checkpoints that training can start from."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from affekt.counted import counted
from affekt.errors import AffektError, DataError
from affekt.pretrained.catalogue import CATALOGUE, Published, published
from affekt.pretrained.collection import Held, collection, folder_of, kept_names, verify
from affekt.pretrained.installing import fetch, install
from affekt.progress import told_when_slow


def main(options: argparse.Namespace) -> int:
    """Do the chosen action."""
    if options.action == "list":
        return _list(options.json)
    if options.action == "verify":
        return _verify(options.checkpoint)
    if options.action == "fetch":
        kept = fetch(options.checkpoint, source=options.source, sha256=options.sha256)
    else:
        kept = install(Path(options.file), options.checkpoint, layout=options.layout, name=options.name)
    print(f"{kept.name}: {_summary(kept)}")
    override = f"{published(kept.checkpoint).model}.pretrained={kept.name}"
    print(f"in {folder_of(kept.name)}; to use it: affekt train DATA --set {override}")
    print(f"SHA-256 of the source  {kept.source['sha256']}")
    print(f"SHA-256 of the weights {kept.sha256}")
    print(f"licence: {published(kept.checkpoint).licence} ({published(kept.checkpoint).page})")
    return 0


def _list(as_json: bool) -> int:
    kept = {found.name: found for found in collection()}
    names = [entry.name for entry in CATALOGUE] + [name for name in kept if not _in_catalogue(name)]
    if as_json:
        print(json.dumps({"weights": [_row(name, kept.get(name)) for name in names]}, indent=2))
        return 0
    for name in names:
        found = kept.get(name)
        entry = published(found.checkpoint if found else name)
        print(f"{name:<20}{_summary(found) if found else _how(entry)}")
        if found:
            print(f"{'':<20}SHA-256 {found.sha256}")
        if _in_catalogue(name):
            print(f"{'':<20}{entry.uri or entry.how}")
            print(f"{'':<20}licence: {entry.licence} ({entry.page})")
    return 0


def _row(name: str, found: Held | None) -> dict[str, Any]:
    entry = published(found.checkpoint if found else name)
    return {
        "name": name,
        "checkpoint": entry.name,
        "network": entry.network,
        "layout": found.layout if found else next(iter(entry.conventions)),
        "published": entry.uri,
        "page": entry.page,
        "licence": entry.licence,
        "here": found is not None,
        "path": str(folder_of(name)) if found else None,
        "sha256": found.sha256 if found else None,
        "bytes": found.size if found else None,
        "classes": found.classes if found else None,
        "width": found.width if found else None,
        "preprocessing": (found.convention if found else next(iter(entry.conventions.values()))).to_dict(),
        "source": found.source if found else None,
    }


def _verify(which: str | None) -> int:
    """Say of each what it is, or what is wrong with it; 1 when anything is."""
    names = kept_names()
    if which is not None and which not in names and Path(which).is_file():
        from affekt.pretrained.reading import examined  # heavy: torch, and only a file needs it

        print(f"{which}: ok, {examined(Path(which))}")
        return 0
    if which is not None and which not in names and "/" in which:
        raise DataError(
            "is no file; expected a checkpoint, or the name of one that is here", code="missing", where=which
        )
    if which is not None:
        names = [which]
    if not names:
        print("no checkpoint is here yet; affekt weights list shows which there are")
        return 0
    wrong = 0
    for name in names:
        try:
            with told_when_slow(f"reading {name}"):
                found = verify(name)
            print(f"{name}: ok, {_summary(found)}")
        except AffektError as error:
            wrong = 1
            print(error if error.where == name else f"{name}: {error}")
    return wrong


def _summary(found: Held) -> str:
    expects = found.convention
    classes = f"{counted(found.classes, 'classes')}, " if found.classes else ""
    mean = ", ".join(f"{value:.1f}" for value in expects.mean)
    size = f"{found.size / 1e6:.0f} MB" + ("" if found.width == 1 else f", width {found.width:g}")
    return (
        f"{found.network} from the layout {found.layout}, {classes}{size}, "
        f"{'grey' if expects.grey else 'colour'}, {expects.order}, mean {mean}"
    )


def _how(entry: Published) -> str:
    if not entry.uri:
        return "not here"
    if entry.uri.startswith("https:"):
        return f"not here; affekt weights fetch {entry.name} gets it"
    return f"not here; get it by your own means, then affekt weights fetch {entry.name} --from FILE"


def _in_catalogue(name: str) -> bool:
    return any(entry.name == name for entry in CATALOGUE)
