"""Every installed layout keeps the contract of layouts, and the check sees it when one does not."""

from __future__ import annotations

import itertools
import re

import pytest

from affekt.extensions import FileFacts, LayoutSpec, layout_specs
from affekt.testing import ConformanceError, check_layout

NAME = re.compile(r"take_(\w+)_(\w+)\.mp4")


def read(path: str) -> FileFacts | None:
    found = NAME.fullmatch(path.rpartition("/")[2])
    return FileFacts(label=found[1], subject=found[2]) if found else None


@pytest.fixture
def offered(monkeypatch: pytest.MonkeyPatch):
    """Call with what is to be otherwise in a layout that keeps its promises."""

    def offer(**changes) -> None:
        spec = LayoutSpec(
            **{"name": "takes", "title": "takes", "example": "take_sad_p1.mp4", "read_path": read, **changes}
        )
        specs = {**layout_specs(), "takes": spec}
        for module in ("affekt.testing.layout", "affekt.dataset.layouts"):
            monkeypatch.setattr(f"{module}.layout_specs", lambda: specs)

    return offer


@pytest.mark.parametrize("name", layout_specs())
def test_every_installed_layout_keeps_the_contract(name: str) -> None:
    check_layout(name)


def test_a_layout_that_keeps_its_promises_passes(offered) -> None:
    offered()
    check_layout("takes")


turn = itertools.count()


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"example": "notes.txt"}, "the path of a clip or an image"),
        ({"example": "other.mp4"}, "claim its own example"),
        ({"example": "take_bored_p1.mp4"}, "a label that affekt knows, found 'bored'"),
        ({"read_path": lambda path: FileFacts("sad", 1)}, "should be text"),
        ({"read_path": lambda path: FileFacts("sad", split="dev")}, "a split should be of train, val, test"),
        ({"read_path": lambda path: FileFacts("sad", str(next(turn)))}, "told the same each time"),
        ({"read_path": lambda path: read(path) if "/" not in path else None}, "below further folders"),
        ({"read_path": lambda path: FileFacts("sad")}, r"clip\.mp4 may be of any data set"),
        (
            {"read_path": lambda path: read(path) or (FileFacts("sad", "9") if "IEO" in path else None)},
            "is of the layout 'crema_d'",
        ),
        ({"read_path": None, "read_tree": lambda tree: {}}, "claim its own example"),
    ],
)
def test_a_layout_that_breaks_a_promise_is_told_which(offered, changes, says: str) -> None:
    offered(**changes)
    with pytest.raises(ConformanceError, match=rf"^layout 'takes': .*{says}"):
        check_layout("takes")


def test_a_layout_that_reads_labels_from_a_file_is_given_that_file(offered) -> None:
    def read_tree(tree) -> dict[str, FileFacts]:
        lines = tree.read("labels.txt").decode().splitlines() if "labels.txt" in tree.paths else []
        return {line.split()[0]: FileFacts(line.split()[1]) for line in lines}

    offered(read_path=None, read_tree=read_tree, example="clips/1.mp4")
    with pytest.raises(ConformanceError, match="claim its own example"):
        check_layout("takes")
    check_layout("takes", {"labels.txt": b"clips/1.mp4 joy\n"})
