"""Work that lets others go first."""

from __future__ import annotations

import os
import sys

import pytest

from affekt.serving.behind import NICER, behind


@pytest.mark.skipif(sys.platform != "linux", reason="other systems have no priority of a thread")
def test_such_work_has_less_of_the_processor_and_what_follows_as_much_as_before():
    def nice() -> int:
        return os.getpriority(os.PRIO_PROCESS, 0)

    before = nice()
    assert behind(nice) == min(19, before + NICER)
    assert nice() == before


def test_what_it_fails_with_is_raised():
    with pytest.raises(ZeroDivisionError):
        behind(lambda: 1 // 0)
