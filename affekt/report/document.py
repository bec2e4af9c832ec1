"""The evaluation of a whole run as a document: every model, every fusion, and what the figures rest on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Self

from affekt.dataset import Unit
from affekt.fusion.key import FusionKey
from affekt.json_document import FLAT, LEFT_OUT, JsonDocument
from affekt.media.prepared import SkippedClip
from affekt.report.folds import Fold, MeanOfFolds
from affekt.report.mistakes import ConfusedPair, Mistake
from affekt.statistics.adaptation import AdaptationCurve
from affekt.statistics.detectable_gain import DetectableGain
from affekt.statistics.metrics import Figures, GroupFigures
from affekt.statistics.paired import Paired
from affekt.statistics.pairs import Pair


@dataclass(frozen=True)
class FusionFigures(JsonDocument):
    """The figures of a fusion, its method, and the models that it fuses."""

    figures: Figures = field(metadata=FLAT)
    method: str
    models: tuple[str, ...]


@dataclass(frozen=True)
class AdaptedFigures(JsonDocument):
    """The figures of a fusion's answers adapted to each person, and the plain answers compared with them."""

    figures: Figures = field(metadata=FLAT)
    paired: Paired


@dataclass(frozen=True)
class PersonFigures(JsonDocument):
    """What adaptation to each person by that person's clips does (:mod:`affekt.fusion.person`).

    Attributes:
        chosen: of the chosen fusion; None where there was nothing to adapt among.
        people: who have two clips or more, a labelled one among them.
        alone: labelled clips of others, which are not adapted; None as above.
        methods: of each fusion.
        reason: why there is nothing, else None.
    """

    chosen: AdaptedFigures | None
    people: int
    alone: int | None
    methods: Mapping[FusionKey, AdaptedFigures]
    reason: str | None

    def to_dict(self) -> dict[str, Any]:
        """The keys of the chosen fusion's figures stand among the others; without it the main ones are None."""
        document = super().to_dict()
        chosen = document.pop("chosen")
        return {**(chosen or dict.fromkeys(_MAIN)), **document}

    @classmethod
    def _of(cls, values: Any, at: str) -> Self:
        missing = isinstance(values, Mapping) and values.get("accuracy") is None
        return super()._of({**values, "chosen": None if missing else values}, at)


#: The keys that a document without adapted answers has all the same.
_MAIN = ("accuracy", "accuracy_ci95", "unweighted_average_recall", "clips", "paired")


@dataclass(frozen=True)
class Ablation(JsonDocument):
    """What speaks for and against an optional model, found on train clips of unseen subjects.

    Attributes:
        fold: of an evaluation protocol, else None.
        model: the optional one.
        kept: whether it is fused.
        beside: the models that it was to join.
        method: the fusion method.
        clips, subjects: on how many the two fusions were compared.
        accuracy_without, accuracy_with: of the two; each clip is fused by a fusion that was fitted on other subjects.
        evidence: the paired comparison of the two; None where no clip could be compared.
        reason: a sentence.
        together: ``beside`` and the model itself, in the usual order.
    """

    fold: str | None = field(default=None, metadata=LEFT_OUT, kw_only=True)
    model: str
    kept: bool
    beside: tuple[str, ...]
    method: str
    clips: int
    subjects: int
    accuracy_without: float | None
    accuracy_with: float | None
    evidence: Paired | None
    reason: str
    together: tuple[str, ...]


@dataclass(frozen=True)
class Fallback(JsonDocument):
    """Whether a model gave way to the one that stands in for it, by answers to train clips of unseen people.

    Attributes:
        fold: of an evaluation protocol, else None.
        model: that may give way.
        to: its stand-in.
        fell: whether it did.
        clips, subjects: on how many the two were compared.
        accuracy, accuracy_to: of the two.
        reason: a sentence.
    """

    fold: str | None = field(default=None, metadata=LEFT_OUT, kw_only=True)
    model: str
    to: str
    fell: bool
    clips: int
    subjects: int
    accuracy: float
    accuracy_to: float
    reason: str


@dataclass(frozen=True)
class AblationOutcome(JsonDocument):
    """What the fusion with an optional model does on the evaluated clips, compared with the one without it."""

    model: str
    method: str
    paired: Paired = field(metadata=FLAT)


@dataclass(frozen=True)
class Evaluation(JsonDocument):
    """Everything that is known of a run's answers; ``docs/json.md`` describes its JSON form.

    Attributes:
        labels: the label names, in the order of every confusion matrix.
        unit: what was evaluated, ``clips`` or ``images``.
        chosen: the text of the fusion's key (or the model, where one alone is served) that answers.
        figures: of the chosen one.
        models: of each model.
        fusion: of each fusion of answers as they are.
        paired: the chosen fusion compared with each model.
        person: adapted answers.
        ablations: of the optional models.
        ablation_outcomes: what they do on the evaluated clips.
        pairs: any two of all models and fusions, by the names of :meth:`sources`.
        by_subject: accuracy of each subject.
        by_attribute: attribute: accuracy of each of its values.
        worst: the most confident wrong answers.
        unanswered: clips without an answer.
        unlabelled: how many clips were left out since their label is not known.
        skipped: clips that could not be used, whole or in part.
        skipped_by_code: how many of each kind.
        split: the split that was evaluated, where a training was.
        protocol, folds, mean_of_folds: of an evaluation protocol.
        model: the reference of the registered model, where one was asked.
        power: what gain a comparison on these clips could find.
        known_labels: those that were given as possible; None where all are.
        adaptation: how adapted answers get better with the clips of a person that are known, where a registered model
            was asked.
        unlike: how many clips are unlike those that the model learned from, where a registered model was asked that
            knows.
        learned: how many of the clips the model learned from, or from others of the same people, where a registered
            model was asked that knows; of a training how many are of people who were learned from, where there are any.
        confused: the labels that are most often taken for another one, with clips.
        fallbacks: of the models that have a stand-in.
        random_starts: the networks that started from random weights, where the preset is the paper's.
    """

    labels: tuple[str, ...]
    unit: Unit = field(metadata={"key": "things"})
    chosen: str
    figures: Figures = field(metadata=FLAT)
    models: Mapping[str, Figures]
    fusion: Mapping[FusionKey, FusionFigures]
    paired: Mapping[str, Paired]
    person: PersonFigures
    ablations: tuple[Ablation, ...] = field(metadata={"key": "trials"})
    ablation_outcomes: tuple[AblationOutcome, ...] = field(metadata={"key": "trial_outcomes"})
    pairs: tuple[Pair, ...]
    by_subject: Mapping[str, GroupFigures]
    by_attribute: Mapping[str, Mapping[str, GroupFigures]]
    worst: tuple[Mistake, ...]
    unanswered: tuple[str, ...]
    unlabelled: int
    skipped: tuple[SkippedClip, ...]
    skipped_by_code: Mapping[str, int]
    split: str | None = field(default=None, metadata=LEFT_OUT)
    protocol: str | None = field(default=None, metadata=LEFT_OUT)
    folds: tuple[Fold, ...] | None = field(default=None, metadata=LEFT_OUT)
    mean_of_folds: MeanOfFolds | None = field(default=None, metadata=LEFT_OUT)
    model: str | None = field(default=None, metadata=LEFT_OUT)
    power: DetectableGain | None = field(default=None, metadata=LEFT_OUT)
    known_labels: tuple[str, ...] | None = field(default=None, metadata=LEFT_OUT)
    adaptation: AdaptationCurve | None = field(default=None, metadata=LEFT_OUT)
    unlike: int | None = field(default=None, metadata=LEFT_OUT)
    learned: int | None = field(default=None, metadata=LEFT_OUT)
    confused: tuple[ConfusedPair, ...] = ()
    fallbacks: tuple[Fallback, ...] = ()
    random_starts: tuple[str, ...] = ()

    @property
    def pictured(self) -> tuple[str, ...]:
        """The clips of which the report shows the face: the most confident mistakes, then those of confused labels."""
        examples = (each.clip for pair in self.confused for each in pair.examples)
        return tuple(dict.fromkeys([*(mistake.clip for mistake in self.worst), *examples]))

    @property
    def unnamed(self) -> int:
        """How many of the evaluated clips name no subject."""
        return self.figures.clips - sum(found.clips for found in self.by_subject.values())

    @property
    def chosen_fusion(self) -> FusionFigures | None:
        """The fusion that answers; None where one model alone does."""
        return next((found for key, found in self.fusion.items() if str(key) == self.chosen), None)

    def sources(self) -> dict[str, Figures]:
        """The figures of every model and fusion by one name: ``models.svc``, ``fusion.svm@bilstm+svc``."""
        return {
            **{model_source(name): figures for name, figures in self.models.items()},
            **{fusion_source(key): found.figures for key, found in self.fusion.items()},
        }

    def scalars(self) -> dict[str, float]:
        """The main figures by name, as a tracker of experiments keeps them."""
        mean = self.mean_of_folds.chosen.accuracy if self.mean_of_folds else None
        return {
            "accuracy": self.figures.accuracy,
            "accuracy_low": self.figures.accuracy_ci95[0],
            "accuracy_high": self.figures.accuracy_ci95[1],
            **({} if mean is None else {"accuracy_mean_of_folds": mean}),
            "unweighted_average_recall": self.figures.unweighted_average_recall,
            "largest_class_share": self.figures.largest_class_share,
            **{f"accuracy_{name}": figures.accuracy for name, figures in self.models.items()},
            # A fusion of some models only would need a name that MLflow does not take.
            **{
                f"accuracy_fusion_{key}": found.figures.accuracy
                for key, found in self.fusion.items()
                if key.models is None
            },
            **{f"accuracy_person_{key}": found.figures.accuracy for key, found in self.person.methods.items()},
        }


def model_source(model: str) -> str:
    """The name of a model among all models and fusions."""
    return f"models.{model}"


def fusion_source(key: FusionKey) -> str:
    """The name of a fusion among all models and fusions."""
    return f"fusion.{key}"
