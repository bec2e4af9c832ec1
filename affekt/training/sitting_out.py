"""A model sits a training out where it has nothing to learn from or its encoder is not here; the others go on."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from affekt.errors import DataError
from affekt.extensions import model_spec, named
from affekt.json_document import JsonDocument
from affekt.score_table import ScoreTable
from affekt.training.given import Given, train_member
from affekt.training.out_of_fold import has_what_is_needed

logger = logging.getLogger(__name__)

#: In the folder of a member that sat out.
FILE = "sat_out.json"
#: Codes of errors that say that there is nothing for a model to learn from, whatever others find.
_NOTHING_TO_LEARN = ("no_train_clips", "too_few_labels")


@dataclass(frozen=True)
class SatOut(JsonDocument):
    """Why a model sat out: a code, and a sentence."""

    member: str
    code: str
    reason: str

    def write(self, folder: Path) -> None:
        """Write ``sat_out.json`` into the member's folder."""
        folder.mkdir(parents=True, exist_ok=True)
        (folder / FILE).write_text(json.dumps(self.to_dict(), indent=2) + "\n", encoding="utf-8")

    @classmethod
    def read(cls, folder: Path) -> SatOut | None:
        """What is written there; None where the member was trained."""
        path = folder / FILE
        return cls.from_dict(json.loads(path.read_text(encoding="utf-8")), str(path)) if path.is_file() else None


def train_or_sit_out(given: Given) -> ScoreTable | None:
    """Train a member as :func:`affekt.training.given.train_member` does, or write why it sits out, and return None.

    It sits out where what it starts from is not here (``absent`` of its spec), where a member that it reads sat out,
    and where the clips hold too little of what it looks at.

    Raises:
        DataError, AffektError: as :func:`affekt.training.given.train_member`.
    """
    found = _before(given)
    if found is None:
        try:
            return train_member(given)
        except DataError as error:
            if error.code not in _NOTHING_TO_LEARN:
                raise
            found = SatOut(given.member, error.code, error.message)
    logger.warning("%s sits out: %s", given.member, found.reason)
    found.write(given.out)
    return None


def sat_out(members: Mapping[str, Path]) -> dict[str, SatOut]:
    """Of trained members by their folders, those that sat out."""
    found = {name: SatOut.read(folder) for name, folder in members.items()}
    return {name: why for name, why in found.items() if why is not None}


def _before(given: Given) -> SatOut | None:
    spec = model_spec(given.member)
    for name, why in sat_out(given.needs).items():
        return SatOut(spec.name, why.code, f"it reads the {name}, which sits out: {why.reason}")
    reason: str = named(spec.absent, f"the model {spec.name!r}")(given.group) if spec.absent else ""
    if reason:
        return SatOut(spec.name, "absent", reason)
    if len(given.index) and not has_what_is_needed(spec.name, given.index).any():
        what = " and ".join({"face": "a face", "voice": "a usable voice"}[each] for each in spec.modalities)
        return SatOut(spec.name, "no_train_clips", f"no clip has {what}, which the {spec.title} looks at")
    return None
