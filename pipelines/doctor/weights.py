"""The published weights that training can start from; none of them is needed."""

from __future__ import annotations

from collections.abc import Iterator

from affekt.errors import AffektError
from affekt.extensions import detector_names, detector_spec
from affekt.home import state_folder
from affekt.pipelines.doctor.finding import MISSING, NOTE, OK, Finding
from affekt.pretrained.catalogue import CATALOGUE
from affekt.pretrained.collection import held

_GROUP = "weights"


def findings() -> Iterator[Finding]:
    """The checkpoints of the catalogue, and the detectors whose weights a person has to bring."""
    for entry in CATALOGUE:
        source = "" if entry.uri.startswith("https:") else " --from FILE (affekt weights list says whose it is)"
        remedy = f"affekt weights fetch {entry.name}{source}" if entry.uri else entry.how
        try:
            found = held(entry.name) if (state_folder() / "weights").is_dir() else None
        except AffektError as error:
            yield Finding(_GROUP, entry.name, MISSING, str(error), remedy)
            continue
        if found:
            text = f"{found.size / 1e6:.0f} MB, layout {found.layout}; affekt weights verify checks the digest"
            yield Finding(_GROUP, entry.name, OK, text)
        else:
            then = "starts from random weights" if entry.uri else "sits out"
            text = f"not here; without it the {entry.model} {then}"
            yield Finding(_GROUP, entry.name, MISSING, text, remedy)
    for name in detector_names():
        if needs := detector_spec(name).weights:
            remedy = f"to use it: affekt train DATA --set media.detector={name} --set media.detector_model=FILE"
            yield Finding(_GROUP, name, NOTE, f"the detector needs {needs}", remedy)
