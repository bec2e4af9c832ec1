"""What a model makes of labelled clips, as a value that shows itself in a notebook."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from affekt.api import notebook
from affekt.api.model import Model, load
from affekt.checks import check_before, remarks
from affekt.dataset import unit_of
from affekt.dataset.several import text_of
from affekt.dataset.split_asked import require_split
from affekt.errors import affekt_errors
from affekt.home import home
from affekt.report.document import Evaluation
from affekt.report.page import write_report
from affekt.report.report import Report
from affekt.report.wording import headline, interval, percent
from affekt.statistics import Figures
from affekt.steps.evaluate_model import ModelEvaluation, evaluate_command, evaluate_model
from affekt.storage import require_folder_of

if TYPE_CHECKING:
    import pandas

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Evaluated:
    """How well a model does on labelled clips.

    Attributes:
        evaluation: every figure; its JSON form is described in ``docs/json.md``.
        page: what the report tells.
    """

    evaluation: Evaluation
    page: Report = field(repr=False)

    @property
    def accuracy(self) -> float:
        """The share of right answers."""
        return self.evaluation.figures.accuracy

    @property
    def interval(self) -> tuple[float, float]:
        """The interval of the accuracy."""
        return self.evaluation.figures.accuracy_ci95

    def to_dict(self) -> dict[str, Any]:
        """As ``affekt evaluate --json`` prints it."""
        return self.evaluation.to_dict()

    def to_pandas(self) -> pandas.DataFrame:
        """A row for each model and the fusion: see :func:`figures_table`."""
        return figures_table(self.evaluation)

    def report(self, path: str | Path) -> Path:
        """Write the report, one HTML file, as ``affekt evaluate --report`` does.

        Raises:
            AffektError: it cannot be written.
        """
        with affekt_errors():
            require_folder_of(path)
            write_report(Path(path), self.page)
        return Path(path)

    def __str__(self) -> str:
        return f"{self.evaluation.model}: {headline(self.evaluation)}"

    def _repr_html_(self) -> str:
        """The outcome in a sentence, and the models beside the fusion."""
        return notebook.paragraph(str(self)) + figures_html(self.evaluation)


def evaluate(
    data: str | Path | Sequence[str | Path],
    model: str | Path | Model = "affekt@champion",
    *,
    split: str | None = None,
    labels: Sequence[str] = (),
) -> Evaluated:
    """Score labelled clips, or still images of faces, with a model.

    Args:
        data: a folder or a CSV file, local or ``s3://``, as ``affekt check`` takes it; or several.
        model: what :func:`affekt.load` gave, or takes.
        split: only these clips; all by default.
        labels: those that can be right, where that is known: the answers are among them.

    Raises:
        AffektError: there is no such model or label, in the words of ``affekt check`` the data are wrong, or nothing of
            the split can be used.
    """
    data = text_of(data)
    with affekt_errors():
        require_split(data, split)
        report = check_before(data, learns=False, images=unit_of(data) == "images")
        if said := remarks(report, data):
            logger.warning(said)
        asked = model if isinstance(model, Model) else load(model)
        found: ModelEvaluation = evaluate_model(
            asked.ensemble.among(labels), data, home() / "store", model=asked.reference, split=split
        )
    return Evaluated(found.evaluation, found.report(evaluate_command(data, asked.reference, split, labels)))


def figures_of(evaluation: Evaluation) -> dict[str, Figures]:
    """The figures of each model, and those of the fusion where there is one."""
    fused = {f"fusion: {evaluation.chosen}": evaluation.figures} if evaluation.chosen_fusion else {}
    return {**evaluation.models, **fused}


def figures_table(evaluation: Evaluation) -> pandas.DataFrame:
    """A row for each model and the fusion: ``accuracy``, ``low`` and ``high`` of its interval, ``average_recall``,
    ``clips``, ``no_answer``, and the recall of each label.
    """
    import pandas  # heavy, and only this needs it

    rows = [
        {
            "name": name,
            "accuracy": found.accuracy,
            "low": found.accuracy_ci95[0],
            "high": found.accuracy_ci95[1],
            "average_recall": found.unweighted_average_recall,
            "clips": found.clips,
            "no_answer": found.no_answer,
            **{f"recall_{label}": share for label, share in found.recall.items()},
        }
        for name, found in figures_of(evaluation).items()
    ]
    return pandas.DataFrame(rows).set_index("name")


def figures_html(evaluation: Evaluation) -> str:
    """The models and the fusion as a table in percent."""
    head = ["", "accuracy, %", "95 % interval", "average recall, %"]
    rows = [
        [name, percent(found.accuracy), interval(found.accuracy_ci95), percent(found.unweighted_average_recall)]
        for name, found in figures_of(evaluation).items()
    ]
    return notebook.table(head, rows)
