"""A worker of the direct engine, a process: loads an ensemble once, then answers tasks line by line.

With ``ahead`` behind its name it imports what it needs before it is told what to load.
"""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from affekt import processes
from affekt.serving.behind import behind

#: The argument of a worker that is started before its model is known.
AHEAD = "ahead"

if TYPE_CHECKING:
    from affekt.serving.predictor import Predictor


def opened(document: Any) -> Callable[[Any], dict[str, Any]]:
    """What the process does for each task.

    Args:
        document: the ``ensemble``'s folder, what answers say of the ``model``, and the folders ``inbox`` and
            ``scratch``; and whether another version answers ``beside`` this one.
    """
    beside = bool(document["beside"])
    predictor = (behind(_predictor_class) if beside else _predictor_class()).load(
        Path(document["ensemble"]),
        document["model"],
        Path(document["inbox"]),
        scratch=Path(document["scratch"]),
        beside=beside,
    )

    def answer(task: Any) -> dict[str, Any]:
        if task == {}:  # asks whether it is there
            return {}
        status, said = predictor.reply(task)
        return {"status": status, "document": said}

    return answer


def _predictor_class() -> type[Predictor]:
    import cv2  # heavy, as the next: nothing of it is needed where the process is only imported

    from affekt.serving.predictor import Predictor  # networks

    cv2.setNumThreads(1)
    return Predictor


if __name__ == "__main__":
    if sys.argv[1:] == [AHEAD]:
        with contextlib.suppress(Exception):  # it happens again where it can be told
            _predictor_class()
    processes.serve(opened)
