"""What content the objects in S3 have that were fetched once, so that nobody fetches them again to find that out."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from functools import cached_property

from affekt import storage
from affekt.errors import DataError


class Origins:
    """Digests of contents by the version that S3 gives an object (its ETag and size), below a store's root.

    Args:
        root: of the store, a folder or an ``s3://`` prefix.
    """

    def __init__(self, root: str) -> None:
        self._root = storage.join(root, "origins")

    @cached_property
    def known(self) -> dict[str, str]:
        """The SHA-256 of the content of every version that is known."""
        known: dict[str, str] = {}
        try:
            files = storage.list_files(self._root)
        except DataError as error:
            if error.code == "missing_file":
                return known
            raise
        for uri in files:
            if uri.endswith(".json"):
                known.update(json.loads(storage.read_bytes(uri)))
        return known

    def learn(self, digests: Mapping[str, str]) -> None:
        """Write down what was found out."""
        new = {version: digest for version, digest in digests.items() if self.known.get(version) != digest}
        if not new:
            return
        content = json.dumps(new, sort_keys=True).encode()
        name = f"{hashlib.sha256(content).hexdigest()[:16]}.json"
        storage.write_bytes(storage.join(self._root, name), content)
        self.known.update(new)
