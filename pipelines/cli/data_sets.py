"""Which data sets the arguments of a command mean: ``DATA``, and each further ``--data``."""

from __future__ import annotations

import argparse

from affekt.dataset.several import joined
from affekt.errors import UsageError


def data_meant(options: argparse.Namespace) -> str:
    """The data sets of a command as one text (:mod:`affekt.dataset.several`).

    Raises:
        UsageError: there is none.
        DataError: one is named twice.
    """
    places = [place for place in (options.data, *options.further) if place]
    if not places:
        raise UsageError("the following arguments are required: DATA", code="usage")
    return joined(places)
