"""The keys of a schedule in a file: how the value of each is read, and what is wrong with it."""

from __future__ import annotations

import json
import re
import zoneinfo
from collections.abc import Callable
from typing import Any

from affekt.extensions import model_names
from affekt.model_names import check_name
from affekt.notify import Notify
from affekt.pipelines.schedules.cron import Cron
from affekt.server_address import check_server_address
from affekt.steps.when import When

#: The name of a schedule, and that of a group.
NAME = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,38}[a-z0-9])?")


def _text(value: Any) -> str:
    if not isinstance(value, str) or not value.strip():
        raise ValueError(f"expected a text, got {value!r}")
    return value


def _name(value: Any) -> str:
    if not isinstance(value, str) or not NAME.fullmatch(value):
        raise ValueError(f"expected a-z, 0-9 and - inside, at most 40 signs, got {value!r}")
    return value


def _cron(value: Any) -> str:
    return Cron.parse(_text(value)).five_fields


def _time_zone(value: Any) -> str:
    if _text(value) not in zoneinfo.available_timezones():
        raise ValueError(f"{value!r} is no time zone; expected a name like Europe/Berlin or UTC")
    return str(value)


def _model(value: Any) -> str:
    check_name(_text(value))
    return str(value)


def _truth(value: Any) -> bool:
    if not isinstance(value, bool):
        raise ValueError(f"expected true or false, got {value!r}")
    return value


def _minutes(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= 10080:
        raise ValueError(f"expected whole minutes from 1 to 10080 (a week), got {value!r}")
    return value


def _one_of(*choices: str) -> Callable[[Any], str]:
    def chosen(value: Any) -> str:
        if value not in choices:
            raise ValueError(f"expected one of {', '.join(choices)}, got {value!r}")
        return str(value)

    return chosen


def _settings(value: Any) -> tuple[str, ...]:
    if not isinstance(value, dict):
        raise ValueError("expected setting: value, with whole names, like vgg.iterations: 300")
    return tuple(_setting(key, each) for key, each in value.items())


def _setting(key: Any, value: Any) -> str:
    if isinstance(value, dict):
        raise ValueError(f"{key}: expected setting: value, with whole names, like vgg.iterations: 300")
    try:
        return f"{key}={value if isinstance(value, str) else json.dumps(value)}"
    except TypeError:
        raise ValueError(
            f"{key}: expected a number, a text, true, false, null or a list, got {value!r}; a date is a text in quotes"
        ) from None


def _when(value: Any) -> When:
    if not isinstance(value, dict):
        raise ValueError(f"expected what makes a start worth while, like new_clips: 20, got {value!r}")
    return When.of({str(key): each for key, each in value.items()})


def _notify(value: Any) -> Notify:
    if not isinstance(value, dict):
        raise ValueError(f"expected webhook: or slack: with an address, got {type(value).__name__}")
    return Notify.of({str(key): each for key, each in value.items()})


def _address(value: Any) -> str:
    if not _text(value).startswith(("http://", "https://")):
        raise ValueError(f"expected the address of a server, like http://127.0.0.1:8080, got {value!r}")
    check_server_address(str(value))
    return str(value).rstrip("/")


def _models(value: Any) -> str:
    return ",".join(_one_of(*model_names())(name.strip()) for name in _text(value).split(","))


def _when_part(key: str, value: Any) -> None:
    When.of({key: value})


#: How each value is read of a key whose value has keys itself, which are looked at one by one.
PARTS: dict[str, Callable[[str, Any], Any]] = {"settings": _setting, "when": _when_part, "notify": Notify.part}
#: How the value of each key is read; it raises ValueError or AffektError.
READ: dict[str, Callable[[Any], Any]] = {
    "name": _name,
    "cron": _cron,
    "time_zone": _time_zone,
    "data": _text,
    "faces": _text,
    "preset": _one_of("small", "paper"),
    "settings": _settings,
    "only": _models,
    "model": _model,
    "runner": _one_of("local", "docker", "cluster"),
    "profile": _text,
    "when": _when,
    "notify": _notify,
    "deploy": _address,
    "enabled": _truth,
    "grace_minutes": _minutes,
}
