"""Who hears of the end of a scheduled run, as a file of schedules says it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

from affekt.json_document import JsonDocument

RESULTS = ("promoted", "refused", "nothing_to_do", "submitted", "failed")
#: In place of an address: the variable that holds it.
VARIABLE = re.compile(r"\$([A-Za-z_][A-Za-z0-9_]*)")


@dataclass(frozen=True)
class Notify(JsonDocument):
    """Who hears of the end of a run.

    Attributes:
        webhook: an address that takes JSON, or ``$NAME`` of the variable that holds it; ``""`` for none.
        slack: the same of an incoming webhook of Slack, or of what takes the same.
        results: of which results.
        clip_names: whether the sentence of an error is told, which may name clips.
    """

    webhook: str = ""
    slack: str = ""
    results: tuple[str, ...] = RESULTS
    clip_names: bool = False

    @classmethod
    def of(cls, values: Mapping[str, Any]) -> Self:
        """What a file says.

        Raises:
            ValueError: says what is wrong.
        """
        found = {key: cls.part(key, value) for key, value in values.items()}
        if not found.get("webhook") and not found.get("slack"):
            raise ValueError("expected webhook: or slack: with an address, or with $NAME of a variable that holds it")
        return cls(**found)

    @staticmethod
    def part(key: str, value: Any) -> Any:
        """One value of what a file says.

        Raises:
            ValueError: says what is wrong.
        """
        if key in ("webhook", "slack"):
            return _address(key, value)
        if key == "results":
            if not isinstance(value, list) or not value or any(each not in RESULTS for each in value):
                raise ValueError(f"results is {value!r}; expected a list of {', '.join(RESULTS)}")
            return tuple(value)
        if key == "clip_names":
            if not isinstance(value, bool):
                raise ValueError(f"clip_names is {value!r}; expected true or false")
            return value
        raise ValueError(f"{key} is not known; expected webhook, slack, results, clip_names")

    def not_of_the_secret(self) -> list[str]:
        """What is wrong for a run on a cluster: arguments of a pipeline are seen by all who see its runs.

        So the addresses stand in a secret, whose keys are variables of the step that tells.
        """
        return [
            f"notify: a step on the cluster tells: write {key}: {variable}, and the address under that name into the "
            "secret affekt-notify"
            for key, address, variable in (
                ("webhook", self.webhook, "$AFFEKT_WEBHOOK"),
                ("slack", self.slack, "$AFFEKT_SLACK"),
            )
            if address not in ("", variable)
        ]


def _address(key: str, value: Any) -> str:
    if isinstance(value, str) and (VARIABLE.fullmatch(value) or re.fullmatch(r"https?://[^/\s]+\S*", value)):
        return value
    raise ValueError(f"{key}: expected an http(s) address, or $NAME of a variable that holds it")
