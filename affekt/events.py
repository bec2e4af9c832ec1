"""What a process says of its work to the one that started it: events, each a line of JSON.

Pipeline steps, workers that prepare clips, and processes of torchrun write them; who started them reads. A process
writes events where :data:`LISTENED` is set in its environment, and lines for a person elsewhere (:func:`plain`).
"""

from __future__ import annotations

import json
import logging
import math
import os
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any, TextIO

from affekt.errors import AffektError, as_affekt_error, rebuilt

#: Environment variable: a process that finds it set writes events for the one that started it.
LISTENED = "AFFEKT_EVENTS"
#: What every event's line begins with; no string inside of JSON can hold it, since quotes are escaped there.
_MARK = '{"affekt": '
#: Marks that are tried in one line; what stands before an event may hold a broken one, not many.
_TRIES = 16


@dataclass(frozen=True)
class Text:
    """One line for whoever watches.

    Attributes:
        text: the line.
        level: as in :mod:`logging`.
        logger: that it was logged on.
        step: the pipeline step that says it, in every kind of event; empty in a process that is a part of a step.
    """

    text: str
    level: int = logging.INFO
    logger: str = "affekt"
    step: str = ""


@dataclass(frozen=True)
class Progress:
    """How far long work is.

    Attributes:
        label: what is done.
        done, total: units so far, and in all.
        unit: what is counted.
        rate: units a second.
        left: seconds that are left, as far as the rate tells; None where nothing is done yet.
        note: something short, such as the loss.
    """

    label: str
    done: int
    total: int
    unit: str
    rate: float
    left: float | None = None
    note: str = ""
    step: str = ""

    def __str__(self) -> str:
        left = "" if self.left is None else f", about {self.left:.0f} s left"
        note = f", {self.note}" if self.note else ""
        return f"{self.label}: {self.done} of {self.total} ({self.rate:.1f} {self.unit}/s{left}){note}"


@dataclass(frozen=True)
class Metrics:
    """Figures of the work by name, at an iteration."""

    values: Mapping[str, float]
    iteration: int = 0
    step: str = ""


@dataclass(frozen=True)
class Done:
    """The work ended well.

    Attributes:
        seconds: that it took.
        result: what came of it, as plain JSON values, where the listener waits for that.
    """

    seconds: float
    result: Mapping[str, Any] = field(default_factory=dict)
    step: str = ""


@dataclass(frozen=True)
class Error:
    """The work failed.

    Attributes:
        kind: class of the error.
        code: its stable word.
        where: the file, row or setting that it is about.
        message: what was expected, what was found, what to do.
    """

    kind: str
    code: str
    message: str
    where: str | None = None
    step: str = ""

    @classmethod
    def of(cls, error: BaseException, step: str = "") -> Error:
        """An exception as an event; one that affekt did not raise on purpose gets a code by its kind."""
        known = as_affekt_error(error)
        return cls(type(error).__name__, known.code, known.message, known.where, step)

    @property
    def stopped(self) -> bool:
        """Whether nothing was wrong: the process was told to stop."""
        return self.code == "stopped"

    def to_exception(self) -> AffektError:
        """The exception with kind, code and place as it was raised."""
        return rebuilt(self.kind, self.message, self.code, self.where)


Event = Text | Progress | Metrics | Done | Error
#: Takes what a run says of itself.
Listener = Callable[[Event], None]
_KINDS: dict[str, type[Event]] = {
    "text": Text,
    "progress": Progress,
    "metrics": Metrics,
    "done": Done,
    "error": Error,
}
_NAMES = {kind: name for name, kind in _KINDS.items()}


def listened() -> bool:
    """Whether whoever started this process reads events."""
    return bool(os.environ.get(LISTENED))


def write(event: Event, stream: TextIO) -> None:
    """Write an event as one line of ASCII, at once."""
    values = asdict(event)
    if isinstance(event, Metrics):
        values["values"] = {name: _number(value) for name, value in event.values.items()}
    stream.write(f"{json.dumps({'affekt': _NAMES[type(event)], **values}, allow_nan=False)}\n")
    stream.flush()


def read(line: str) -> Event | None:
    """The event in a line of output; None where there is none.

    It may be indented, and stand behind text of another program that did not end its line.
    """
    start = -1
    for _ in range(_TRIES):
        start = line.find(_MARK, start + 1)
        if start < 0:
            return None
        try:
            return _event(json.loads(line[start:], parse_constant=_refused))
        except (AttributeError, KeyError, TypeError, ValueError, OverflowError, RecursionError):
            continue
    return None


def plain(event: Event) -> str:
    """An event as a person reads it in a log."""
    match event:
        case Text(text=text):
            said = text
        case Progress():
            said = str(event)
        case Metrics(values=values, iteration=iteration):
            said = f"{iteration}: " + ", ".join(f"{name} {value:g}" for name, value in values.items())
        case Done(seconds=seconds):
            said = f"done in {seconds:.1f} s"
        case Error():
            said = "stopped" if event.stopped else f"failed: {event.to_exception()} [{event.code}]"
    return f"affekt: {event.step}: {said}" if event.step else f"affekt: {said}"


def log(event: Text | Progress) -> None:
    """Log what another process said as if this one had said it."""
    if isinstance(event, Text):
        logging.getLogger(event.logger).log(event.level, "%s", event.text)
    else:
        logging.getLogger("affekt.progress").info("%s", event, extra={"event": event})


class EventHandler(logging.Handler):
    """Writes log records as events: one that carries a :class:`Progress` as that, others as :class:`Text`.

    Args:
        stream: where to.
        step: whose events they are.
    """

    def __init__(self, stream: TextIO, step: str = "") -> None:
        super().__init__()
        self._stream = stream
        self._step = step

    def emit(self, record: logging.LogRecord) -> None:
        """Write a record; an error of the stream is raised: without a listener the process has no purpose."""
        carried = getattr(record, "event", None)
        event = carried if isinstance(carried, Progress) else Text(self.format(record), record.levelno, record.name)
        write(replace(event, step=self._step), self._stream)


def _number(value: float) -> float | str:
    """A figure as strict JSON, which has no word for what is not finite."""
    return float(value) if math.isfinite(value) else str(float(value))


def _refused(name: str) -> float:
    raise ValueError(f"{name} is no JSON")


def _event(found: Mapping[str, Any]) -> Event:
    """The event that a document holds; what a newer version may add is passed over.

    Raises:
        KeyError: a field is missing.
        TypeError, ValueError, OverflowError: a field is not what it has to be.
    """
    step = _text(found["step"])
    match found["affekt"]:
        case "text":
            return Text(_text(found["text"]), _whole(found["level"]), _text(found["logger"]), step)
        case "progress":
            left = found["left"]
            return Progress(
                _text(found["label"]),
                _whole(found["done"]),
                _whole(found["total"]),
                _text(found["unit"]),
                _real(found["rate"]),
                None if left is None else _real(left),
                _text(found["note"]),
                step,
            )
        case "metrics":
            values = {_text(name): _figure(value) for name, value in found["values"].items()}
            return Metrics(values, _whole(found["iteration"]), step)
        case "done":
            return Done(_real(found["seconds"]), dict(found["result"]), step)
        case "error":
            where = found["where"]
            return Error(
                _text(found["kind"]),
                _text(found["code"]),
                _text(found["message"]),
                None if where is None else _text(where),
                step,
            )
    raise ValueError("no kind of event")


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError("no text")
    return value


def _whole(value: Any) -> int:
    if not isinstance(value, int) or isinstance(value, bool):
        raise TypeError("no whole number")
    return value


def _real(value: Any) -> float:
    if not isinstance(value, int | float) or isinstance(value, bool):
        raise TypeError("no number")
    if not math.isfinite(number := float(value)):
        raise ValueError("no finite number")
    return number


def _figure(value: Any) -> float:
    return float(value) if value in ("nan", "inf", "-inf") else _real(value)
