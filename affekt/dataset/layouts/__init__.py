"""What every installed layout says of the files of a data set, put together; the layouts of affekt, one a file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from affekt.dataset.labels import canonical_label
from affekt.errors import DataError
from affekt.extensions.layout import FileFacts, LayoutSpec, Tree, layout_specs

#: Of the facts, those that must not differ between layouts.
_AGREED = ("label", "subject", "split")


@dataclass(frozen=True)
class Told:
    """What is told of a file.

    Attributes:
        label, subject, split, attributes, rank, stranger: as of :class:`FileFacts`, the label in canonical spelling.
        word: the label as it is written.
        recording: unique among the recordings of all layouts, or ``""``.
        fault: a code and a message where a label is unknown, a layout reads two things, or two layouts differ.
    """

    label: str = ""
    subject: str = ""
    split: str = ""
    attributes: Mapping[str, str] = field(default_factory=dict)
    recording: str = ""
    rank: int = 0
    stranger: str = ""
    fault: tuple[str, str] | None = None
    word: str = ""


def told_of(tree: Tree, paths: Sequence[str]) -> list[Told]:
    """What all layouts say of some files of a data set.

    What one leaves blank another fills in. Where two say different things of a file there is a ``fault``; what the
    first of them said stands.
    """
    specs = tuple(layout_specs().values())
    whole = {spec.name: spec.read_tree(tree) for spec in specs if spec.read_tree}
    told = []
    for path in paths:
        claims = [(spec, _claim(spec, path, whole.get(spec.name))) for spec in specs]
        told.append(put_together([(spec, facts) for spec, facts in claims if facts is not None]))
    return told


def put_together(claims: Sequence[tuple[LayoutSpec, FileFacts]]) -> Told:
    """What several layouts say of one file as one."""
    fault = next((facts.fault for _, facts in claims if facts.fault), None)
    by: dict[str, tuple[str, LayoutSpec]] = {}  # what is told, and by whom first
    recording, rank = "", 0
    for spec, facts in claims:
        said: dict[str, str] = {**facts.attributes, **{name: getattr(facts, name) for name in _AGREED}}
        try:
            said["label"] = canonical_label(facts.label) if facts.label else ""
        except DataError as error:
            said["label"] = ""
            fault = fault or ("unknown_label", f"{error.message}; by {spec.title} it is {facts.label!r}")
        for name, value in said.items():
            known, first = by.setdefault(name, (value, spec)) if value else ("", spec)
            if known != value:
                message = (
                    f"its {name} is {known!r} by {first.title} and {value!r} by {spec.title}; "
                    "move or rename it, or list it in a manifest.csv"
                )
                fault = fault or (f"{name}_conflict", message)
        if facts.recording and not recording:
            recording, rank = f"{spec.name} {facts.recording}", facts.rank
    values = {name: value for name, (value, _) in by.items()}
    strangers = [facts.stranger for _, facts in claims if facts.stranger]
    return Told(
        label=values.pop("label", ""),
        subject=values.pop("subject", ""),
        split=values.pop("split", ""),
        attributes=values,
        recording=recording,
        rank=rank,
        stranger=strangers[0] if strangers and "label" not in by else "",
        fault=fault,
        word=next((facts.label for _, facts in claims if facts.label), ""),
    )


def understood() -> str:
    """The layouts that are understood, for errors."""
    return "\n".join(
        [
            "understood layouts:",
            "  a manifest.csv in the folder, or a CSV file: path,label and where known subject,split, then any further "
            "columns",
            *(f"  {spec.title}: {spec.example}" for spec in layout_specs().values()),
        ]
    )


def _claim(spec: LayoutSpec, path: str, whole: Mapping[str, FileFacts] | None) -> FileFacts | None:
    return whole.get(path) if whole is not None else spec.read_path(path) if spec.read_path else None
