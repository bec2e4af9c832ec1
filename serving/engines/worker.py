"""A worker of the direct engine, a process: loads an ensemble once, then answers tasks line by line."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from affekt import processes


def opened(document: Any) -> Callable[[Any], dict[str, Any]]:
    """What the process does for each task.

    Args:
        document: the ``ensemble``'s folder, what answers say of the ``model``, and the folders ``inbox`` and
            ``scratch``.
    """
    import cv2  # heavy, as the next: nothing of it is needed where the process is only imported

    from affekt.serving.predictor import Predictor  # PyTorch

    cv2.setNumThreads(1)
    predictor = Predictor.load(
        Path(document["ensemble"]), document["model"], Path(document["inbox"]), scratch=Path(document["scratch"])
    )

    def answer(task: Any) -> dict[str, Any]:
        if task == {}:  # asks whether it is there
            return {}
        status, said = predictor.reply(task)
        return {"status": status, "document": said}

    return answer


if __name__ == "__main__":
    processes.serve(opened)
