"""Settings that had another name: the old one is read as the new one."""

from __future__ import annotations

import logging
from functools import cache

logger = logging.getLogger(__name__)

#: Old key, present key.
RENAMED = {"fusion.on_trial": "fusion.optional", "fusion.svm_c": "fusion.svm.c"}


def present_name(key: str) -> str:
    """The name that a setting has now; whoever gave an old one is told so, once."""
    if key not in RENAMED:
        return key
    _tell(key)
    return RENAMED[key]


@cache
def _tell(key: str) -> None:
    logger.info("the setting %s is called %s now; the old name is still read", key, RENAMED[key])
