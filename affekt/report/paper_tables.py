"""Tables 1, 2 and 3 of paper.md (section 5) with this run's figures in the places where the paper has its own."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from affekt.extensions import model_spec, model_specs

MODEL_NAMES = {
    "vgg": "VGG",
    "c3d": "Convolutional 3D",
    "bilstm": "VGG + Bi-LSTM",
    "joint": "Joint network of face and voice",
    "random_forest": "Random forest",
    "svc": "Support vector classifier",
}
SHORT_NAMES = {
    "vgg": "VGG",
    "c3d": "C3D",
    "bilstm": "VGG + Bi-LSTM",
    "joint": "joint",
    "random_forest": "forest",
    "svc": "SVC",
}
METHOD_NAMES = {
    "average": "Average",
    "weighted_average": "Weighted average",
    "maximum": "Maximum",
    "highest_confidence": "Highest confidence",
    "random_forest": "Random forest",
    "adaboost": "AdaBoost",
    "svm": "SVM",
    "stacking": "Stacking",
}
#: Accuracy in percent (paper.md, Table 1).
TABLE_1 = {"vgg": 44.1, "c3d": 32.1, "bilstm": 51.9}
#: Accuracy in percent (paper.md, Table 2).
TABLE_2 = {"random_forest": 34.64, "svc": 39.64}
#: Method, fused models, accuracy in percent (paper.md, Table 3).
TABLE_3: tuple[tuple[str, frozenset[str], float], ...] = (
    ("svm", frozenset({"bilstm", "c3d", "random_forest", "svc"}), 47.3),
    ("average", frozenset({"bilstm", "random_forest", "svc"}), 50.13),
    ("highest_confidence", frozenset({"bilstm", "random_forest", "svc"}), 41.78),
    ("svm", frozenset({"bilstm", "random_forest", "svc"}), 55.3),
)
#: The winner of the EmotiW 2016 challenge, as Table 3 gives it.
WINNER = 51.9
_VOICE_WORDS = ("audio", "voice", "speech", "sound")


@dataclass(frozen=True)
class Row:
    """A line of a results table: this run's figures and the paper's accuracy, either of which may be missing.

    Attributes:
        name: what was measured.
        detail: the fused models, or ``""``.
        figures: as :func:`affekt.statistics.evaluate_scores` gives them, or None where this run has none.
        paper: the paper's accuracy, percent.
        key: the name in the evaluation document.
    """

    name: str
    detail: str
    figures: Mapping[str, Any] | None
    paper: float | None
    key: str = ""


def hears(model: str) -> bool:
    """Whether a model's name says that it judges the voice."""
    return model in TABLE_2 or any(word in model.lower() for word in _VOICE_WORDS)


def joins(model: str) -> bool:
    """Whether one of affekt's models judges face and voice together."""
    return model in model_specs() and len(model_spec(model).modalities) > 1


def model_name(model: str) -> str:
    """The name of a model as a reader knows it."""
    return MODEL_NAMES.get(model, model)


def fusion_name(key: str) -> str:
    """The name of a fusion method as a reader knows it, without its models."""
    method = key.partition("@")[0]
    return METHOD_NAMES.get(method, method)


def visual_rows(models: Mapping[str, Mapping[str, Any]]) -> list[Row]:
    """Table 1 and, below it, the run's other models of the face."""
    others = [name for name in models if name not in TABLE_1 and not hears(name) and not joins(name)]
    return _rows(models, TABLE_1, others)


def audio_rows(models: Mapping[str, Mapping[str, Any]]) -> list[Row]:
    """Table 2 and, below it, the run's other models of the voice."""
    return _rows(models, TABLE_2, [name for name in models if name not in TABLE_2 and hears(name)])


def joint_rows(models: Mapping[str, Mapping[str, Any]]) -> list[Row]:
    """The models that judge face and voice together, of which the paper has none."""
    return _rows(models, {}, [name for name in models if joins(name)])


def fusion_rows(fusion: Mapping[str, Mapping[str, Any]]) -> tuple[list[Row], list[Row]]:
    """Table 3: the paper's rows, and the fusions of this run that the paper does not list."""
    left = dict(fusion)
    listed = []
    for method, members, accuracy in TABLE_3:
        key = _match(left, method, members)
        figures = left.pop(key) if key else None
        fused = figures["models"] if figures else [name for name in MODEL_NAMES if name in members]
        listed.append(Row(METHOD_NAMES[method], members_text(fused), figures, accuracy, key or ""))
    listed.append(Row("EmotiW 2016 winner", "not told by the paper", None, WINNER))
    # A fusion that names its models, and they are all that the ensemble fuses, is told already.
    plain = {(figures["method"], frozenset(figures["models"])) for key, figures in fusion.items() if "@" not in key}
    further = [
        Row(fusion_name(key), members_text(figures["models"]), figures, None, key)
        for key, figures in left.items()
        if "@" not in key or (figures["method"], frozenset(figures["models"])) not in plain
    ]
    further.sort(key=lambda row: -(row.figures or {})["accuracy"])
    return listed, further


def person_rows(person: Mapping[str, Any]) -> list[Row]:
    """The fusions whose answers were adapted to each person, the best first; not one of them is in the paper."""
    rows = [Row(fusion_name(key), "", figures, None, key) for key, figures in person["methods"].items()]
    return sorted(rows, key=lambda row: -(row.figures or {})["accuracy"])


def members_text(models: Iterable[str]) -> str:
    """The fused models in a few words."""
    return ", ".join(SHORT_NAMES.get(name, name) for name in models)


def _rows(models: Mapping[str, Mapping[str, Any]], paper: Mapping[str, float], others: Iterable[str]) -> list[Row]:
    rows = [Row(model_name(name), "", models.get(name), accuracy, name) for name, accuracy in paper.items()]
    return rows + [Row(model_name(name), "", models[name], None, name) for name in others]


def _match(fusion: Mapping[str, Mapping[str, Any]], method: str, members: frozenset[str]) -> str | None:
    """The fusion of this run that stands where the paper has ``method`` over ``members``.

    The paper's "VGG+LSTM" may be read as the Bi-LSTM on VGG features alone or as both models: the former is taken
    where both were fused.
    """
    for wanted in (members, members | {"vgg"}):
        for key, figures in fusion.items():
            if figures["method"] == method and set(figures["models"]) == wanted:
                return key
    return None
