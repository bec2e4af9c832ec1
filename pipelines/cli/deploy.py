"""``affekt deploy``: put a registered version into a running server without losing a request."""

from __future__ import annotations

import argparse

from affekt.errors import AffektError
from affekt.home import home
from affekt.registry import Tracking, resolve, version_of
from affekt.serving.rollout import deploy_ensemble
from affekt.serving.server import find_server


def main(options: argparse.Namespace) -> int:
    """Swap the version that the server answers with."""
    server = find_server(options.url, home())
    if server is None:
        raise AffektError(
            f"no server that was started below {home()} answers there; start one with affekt serve",
            code="no_server",
            where=options.url,
        )
    tracking = Tracking()
    version = version_of(options.model, tracking)
    if version is None:
        raise AffektError("only a registered version can be deployed; see affekt models list", where=options.model)
    deploy_ensemble(resolve(options.model, tracking), server, version=version)
    print(f"{options.url} now answers with {options.model} (version {version})")
    return 0
