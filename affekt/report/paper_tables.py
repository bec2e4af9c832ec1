"""Tables 1, 2 and 3 of paper.md (section 5) with this run's figures in the places where the paper has its own."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from affekt.extensions import fusion_specs, members_needed, model_spec, model_specs
from affekt.fusion.key import FusionKey
from affekt.report.document import FusionFigures, PersonFigures
from affekt.statistics.metrics import Figures
from affekt.statistics.paired import Paired

#: Method, fused models, accuracy in percent (paper.md, Table 3), "VGG+LSTM" read as the Bi-LSTM on VGG features.
TABLE_3: tuple[tuple[str, frozenset[str], float], ...] = (
    ("svm", frozenset({"bilstm", "c3d", "random_forest", "svc"}), 47.3),
    ("average", frozenset({"bilstm", "random_forest", "svc"}), 50.13),
    ("highest_confidence", frozenset({"bilstm", "random_forest", "svc"}), 41.78),
    ("svm", frozenset({"bilstm", "random_forest", "svc"}), 55.3),
)
#: The winner of the EmotiW 2016 challenge, as Table 3 gives it.
WINNER = 51.9


def readings(members: Iterable[str]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The models of a row of Table 3 in both readings of "VGG+LSTM", in their own order.

    It may be the Bi-LSTM on VGG features alone, or the VGG's own scores beside it.
    """
    alone = set(members)
    both = {*members_needed([*alone])}
    names = model_specs()
    return tuple(name for name in names if name in alone), tuple(name for name in names if name in both)


@dataclass(frozen=True)
class Row:
    """A line of a results table: this run's figures and the paper's accuracy, either of which may be missing.

    Attributes:
        name: what was measured.
        detail: the fused models, or ``""``.
        figures: None where this run has none.
        paper: the paper's accuracy, percent.
        key: the name of the model or the fusion in the evaluation document.
        paired: the comparison that belongs to the line.
    """

    name: str
    detail: str
    figures: Figures | None
    paper: float | None
    key: str = ""
    paired: Paired | None = None

    @property
    def accuracy(self) -> float:
        """To sort by; below all others where it was not measured."""
        return self.figures.accuracy if self.figures else -1.0


def looks_at(model: str) -> tuple[str, ...]:
    """Of ``face`` and ``voice`` what a model looks at; nothing where no installed package offers it.

    Score tables hold models of anybody's: what those look at is not guessed from their names.
    """
    return model_spec(model).modalities if model in model_specs() else ()


def model_name(model: str) -> str:
    """The name of a model as a reader knows it."""
    return model_spec(model).title if model in model_specs() else model


def method_name(method: str) -> str:
    """The name of a fusion method as a reader knows it."""
    specs = fusion_specs()
    return specs[method].title if method in specs else method  # an evaluation may name a method that is gone


def visual_rows(models: Mapping[str, Figures]) -> list[Row]:
    """Table 1 and, below it, the run's other models of the face."""
    return _rows(models, ("face",))


def audio_rows(models: Mapping[str, Figures]) -> list[Row]:
    """Table 2 and, below it, the run's other models of the voice."""
    return _rows(models, ("voice",))


def joint_rows(models: Mapping[str, Figures]) -> list[Row]:
    """The models of face and voice together, of which the paper has none."""
    return [Row(model_name(name), "", models[name], None, name) for name in models if len(looks_at(name)) > 1]


def other_rows(models: Mapping[str, Figures]) -> list[Row]:
    """The models of which it is not known what they look at."""
    return [Row(model_name(name), "", models[name], None, name) for name in models if not looks_at(name)]


def fusion_rows(fusion: Mapping[FusionKey, FusionFigures]) -> tuple[list[Row], list[Row]]:
    """Table 3: the paper's rows, and the fusions of this run that the paper does not list, the best first.

    A row stands there in each of its :func:`readings` that was fused.
    """
    left = dict(fusion)
    listed = []
    for method, members, accuracy in TABLE_3:
        keys = [key for reading in readings(members) if (key := _match(left, method, reading)) is not None]
        for key in keys:
            found = left.pop(key)
            listed.append(Row(method_name(method), members_text(found.models), found.figures, accuracy, str(key)))
        if not keys:
            listed.append(Row(method_name(method), members_text(readings(members)[0]), None, accuracy))
    listed.append(Row("EmotiW 2016 winner", "not told by the paper", None, WINNER))
    # A fusion that names its models, and they are all that the ensemble fuses, is told already.
    told = {(found.method, frozenset(found.models)) for key, found in fusion.items() if key.models is None}
    further = [
        Row(method_name(found.method), members_text(found.models), found.figures, None, str(key))
        for key, found in left.items()
        if key.models is None or (found.method, frozenset(found.models)) not in told
    ]
    return listed, sorted(further, key=lambda row: -row.accuracy)


def person_rows(person: PersonFigures) -> list[Row]:
    """The fusions whose answers were adapted to each person, the best first; not one of them is in the paper."""
    rows = [
        Row(method_name(key.method), "", found.figures, None, str(key), found.paired)
        for key, found in person.methods.items()
    ]
    return sorted(rows, key=lambda row: -row.accuracy)


def members_text(models: Iterable[str]) -> str:
    """The fused models in a few words."""
    specs = model_specs()
    return ", ".join(specs[name].short if name in specs else name for name in models)


def _rows(models: Mapping[str, Figures], modalities: tuple[str, ...]) -> list[Row]:
    """The paper's models of these modalities, measured here or not, and then the others that were measured."""
    specs = [spec for spec in model_specs().values() if spec.modalities == modalities]
    rows = [
        Row(spec.title, "", models.get(spec.name), spec.paper, spec.name) for spec in specs if spec.paper is not None
    ]
    others = [spec for spec in specs if spec.paper is None and spec.name in models]
    return rows + [Row(spec.title, "", models[spec.name], None, spec.name) for spec in others]


def _match(fusion: Mapping[FusionKey, FusionFigures], method: str, members: Sequence[str]) -> FusionKey | None:
    """The fusion of this run by ``method`` over ``members``."""
    for key, found in fusion.items():
        if found.method == method and set(found.models) == set(members):
            return key
    return None
