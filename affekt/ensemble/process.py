"""A process of the pool in which :mod:`affekt.ensemble.asking` asks an ensemble: loaded once, asked task by task."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import cv2

from affekt import processes
from affekt.ensemble.asking import looking
from affekt.ensemble.ensemble import Ensemble
from affekt.media import pyav
from affekt.settings import MediaSettings, load_settings
from affekt.store.entries import Store


def opened(document: Any) -> Callable[[Any], dict[str, Any]]:
    """What the process does for each task.

    Args:
        document: the ensemble's ``folder``, its ``media`` settings, and the root of the ``store`` or None.
    """
    cv2.setNumThreads(1)
    pyav.allow()
    media = MediaSettings(**document["media"])
    ensemble = Ensemble.load(document["folder"])
    ensemble.settings = replace(ensemble.settings, media=media)
    store = None if document["store"] is None else Store(document["store"], media)
    look = looking(ensemble, store)
    return lambda task: look(task).to_dict()


if __name__ == "__main__":
    load_settings()  # what is installed, which every ensemble asks: it is looked up before it is known which comes
    processes.serve(opened)
