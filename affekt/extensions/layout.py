"""All that the system needs to know of a data set's layout in one value."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Protocol

from affekt.errors import AffektError
from affekt.extensions.found import extensions


@dataclass(frozen=True)
class FileFacts:
    """What a layout says of a file; what it does not know it leaves blank.

    Attributes:
        label: one of :data:`affekt.dataset.LABELS`, or a common spelling of one.
        subject: the person.
        split: ``train``, ``val`` or ``test``.
        attributes: what else is known (gender, language …).
        recording: shared by the copies of one performance (with and without sound, or as sound alone).
        rank: orders those copies, the most complete, which alone is used, has the lowest.
        stranger: the folder that stands where a label was expected and is none.
        fault: a code and a message where the layout can read the file in two ways; such a file is an error.
    """

    label: str = ""
    subject: str = ""
    split: str = ""
    attributes: Mapping[str, str] = field(default_factory=dict)
    recording: str = ""
    rank: int = 0
    stranger: str = ""
    fault: tuple[str, str] | None = None


class Tree(Protocol):
    """The files of a data set: a folder, local or in S3, or an archive."""

    @property
    def paths(self) -> Sequence[str]:
        """Every file, relative to the data set and written with ``/``, in order."""

    def read(self, path: str) -> bytes:
        """The content of one of them.

        Raises:
            DataError: it cannot be read; files of an archive never can.
        """


@dataclass(frozen=True)
class LayoutSpec:
    """A layout: how a data set tells the label, subject and split of its files.

    A package offers one under the entry point group ``affekt.layouts``; :func:`affekt.testing.check_layout` checks it.
    The module that holds the spec must not import what is heavy. Every layout is asked of every file. What they say is
    put together; where two of them say different things of a file, the file is an error that names both, whatever
    their order. A layout therefore has to be sure: it claims what its data set alone would be called.

    A data set with a ``manifest.csv`` is read by that alone, and no layout is asked.

    Attributes:
        name: ``snake_case``.
        title: in errors, as ``RAVDESS file names``.
        example: the path of a file of a labelled clip; it stands in errors, and the layout must claim it.
        read_path: what a path relative to the data set tells, or None where the layout does not claim the file.
        read_tree: instead of ``read_path``, for labels that stand in a file of their own: what is told of which paths.
        order: place in errors; of what several say of a recording's copies the first is taken.
    """

    name: str
    title: str
    example: str
    read_path: Callable[[str], FileFacts | None] | None = None
    read_tree: Callable[[Tree], Mapping[str, FileFacts]] | None = None
    order: int = 1000


@cache
def layout_specs() -> Mapping[str, LayoutSpec]:
    """Every installed layout by name, in order.

    Raises:
        AffektError: a spec bears another name than its entry point, or reads neither paths nor trees, or both.
    """
    found: Mapping[str, LayoutSpec] = extensions("layout")
    for name, spec in found.items():
        if spec.name != name:
            raise AffektError(f"the layout {spec.name!r} is offered under the name {name!r}", code="extension_broken")
        if (spec.read_path is None) == (spec.read_tree is None):
            raise AffektError(f"the layout {name!r} must read either paths or trees", code="extension_broken")
    return {spec.name: spec for spec in sorted(found.values(), key=lambda spec: (spec.order, spec.name))}
