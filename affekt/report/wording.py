"""Figures and outcomes in words: how the report and the command line say them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from affekt.counted import counted, of_whom
from affekt.report.document import Evaluation
from affekt.report.paper_tables import method_name, model_name
from affekt.statistics.detectable_gain import DetectableGain


def percent(value: float | None) -> str:
    """A share as percent with one decimal; a dash where it was not measured."""
    return "–" if value is None else f"{100 * value:.1f}"


def interval(ends: Sequence[float] | None) -> str:
    """Two shares as a range in percent."""
    return "–" if ends is None else f"{100 * ends[0]:.1f} to {100 * ends[1]:.1f}"


def points(value: float) -> str:
    """A difference of shares in percentage points, with its sign."""
    return f"{100 * value:+.1f}".replace("-", "−")


def points_interval(ends: Sequence[float]) -> str:
    """Two differences of shares as a range in percentage points."""
    return f"{points(ends[0])} to {points(ends[1])}"


def p_value(value: float) -> str:
    """A probability with three decimals."""
    return "< 0.001" if value < 0.001 else f"{value:.3f}"


def plain(value: Any) -> str:
    """A setting's value as text; a dash for nothing."""
    if value is None or value == "":
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:g}"
    return ", ".join(map(plain, value)) if isinstance(value, list | tuple) else str(value)


def chosen_name(evaluation: Evaluation) -> str:
    """The name of the fusion or the model that answers."""
    fusion = evaluation.chosen_fusion
    return method_name(fusion.method) if fusion else model_name(evaluation.chosen)


def headline(evaluation: Evaluation) -> str:
    """The outcome in one line."""
    found, unit = evaluation.figures, evaluation.unit
    low, high = found.accuracy_ci95
    # Whoever asks a registered model may ask about what it learned from, and of some it is not known. A training may be
    # told to let people be on both sides of a split.
    unseen = "unseen " if evaluation.learned == 0 or (evaluation.model is None and not evaluation.learned) else ""
    if unit == "clips":
        asked = of_whom(found.clips, found.subjects, evaluation.unnamed, kind=f"{unseen}subjects")
    else:
        asked = counted(found.clips, f"{unseen}{unit}")
    return (
        f"accuracy {found.accuracy:.1%} ({100 * found.confidence:g} % interval {low:.1%} to {high:.1%}) on {asked}; "
        f"largest class {found.largest_class_share:.1%}"
    )


def main_figure(evaluation: Evaluation) -> str:
    """The accuracy with its interval, short enough for a name: ``71.4% (60.2 to 80.9)``."""
    return f"{percent(evaluation.figures.accuracy)}% ({interval(evaluation.figures.accuracy_ci95)})"


def main_figures(evaluation: Evaluation) -> dict[str, float]:
    """What a list of runs shows of each, by name: accuracy with its interval, what it is held against, of how much."""
    found = evaluation.figures
    low, high = found.accuracy_ci95
    return {
        "accuracy": found.accuracy,
        "accuracy_low": low,
        "accuracy_high": high,
        "unweighted_average_recall": found.unweighted_average_recall,
        "largest_class_share": found.largest_class_share,
        evaluation.unit: found.clips,
        "subjects": found.subjects,
    }


def summary(evaluation: Evaluation) -> list[str]:
    """The outcome in sentences: the accuracy and its interval, what always answering one label gives, cautions."""
    found, unit = evaluation.figures, evaluation.unit
    low, high = found.accuracy_ci95
    asked = of_whom(found.clips, found.subjects, evaluation.unnamed, unit)
    what = "The fusion" if evaluation.chosen_fusion else "The model"
    known = evaluation.known_labels
    of_labels = f"of {counted(len(evaluation.labels), 'emotions')}"
    if known:
        of_labels = f"among {', '.join(known)}, to which the answers were limited,"
    lines = [
        f"{what} ({chosen_name(evaluation)}) names the right one {of_labels} "
        f"for {percent(found.accuracy)}% of {asked}; "
        f"the {100 * found.confidence:g}% interval runs from {percent(low)}% to {percent(high)}%.",
        _against_largest_class(evaluation),
    ]
    if found.interval_over == unit:
        lines.append(f"The interval comes from resampling {unit}, so it says nothing about people who are not in them.")
    elif evaluation.unnamed:
        lines.append(of_nobody(evaluation))
    elif found.subjects < 5:
        lines.append(
            f"With only {counted(found.subjects, 'people')} the interval is wide, and still a rough guide to "
            "further people."
        )
    if evaluation.power is not None:
        lines.append(_power(evaluation.power, evaluation))
    cautions = [learned_before(evaluation), behind_a_model(evaluation), out_of_depth(evaluation)]
    return [*lines, *filter(None, [*cautions, other_recipe(evaluation)]), *_fallbacks(evaluation)]


def of_nobody(evaluation: Evaluation) -> str:
    """What clips that name no subject do to the interval over people; nothing where all of them do, or none does."""
    if not evaluation.unnamed or not evaluation.figures.subjects:
        return ""
    many = evaluation.unnamed > 1
    return (
        f"{counted(evaluation.unnamed, evaluation.unit)} {'name' if many else 'names'} no subject and "
        f"{'count' if many else 'counts'} as {'people of their' if many else 'a person of its'} own: where some are of "
        "the same person, the interval is too narrow."
    )


def learned_before(evaluation: Evaluation) -> str:
    """How many clips the model knew, so that its figures are too good; nothing where none is, or it is not known."""
    if not evaluation.learned:
        return ""
    found = evaluation.figures
    return (
        f"The model learned from {evaluation.learned} of {counted(found.clips, evaluation.unit)}, or from others of "
        "subjects of these names: figures on people whom it knows are better than those on others."
    )


def behind_a_model(evaluation: Evaluation) -> str:
    """Which model alone is right more often than the fusion on the same clips, and by how much; nothing if none is."""
    if not evaluation.chosen_fusion or not evaluation.paired:
        return ""
    name, found = min(evaluation.paired.items(), key=lambda item: item[1].difference)
    if found.difference >= 0:
        return ""
    low, high = found.ci95
    return (
        f"{model_name(name)} alone is right on {percent(found.accuracy_a)}%, more often than the fusion: by "
        f"{points(-found.difference)} points ({points_interval((-high, -low))}) on the same {evaluation.unit}."
    )


def other_recipe(evaluation: Evaluation) -> str:
    """Which networks of the paper's preset started otherwise than the paper's did; nothing where none is."""
    if not evaluation.random_starts:
        return ""
    names = " and ".join(model_name(name) for name in evaluation.random_starts)
    return f"{names} started from random weights: this is not the paper's recipe, though the preset is the paper's."


def out_of_depth(evaluation: Evaluation) -> str:
    """How many clips are unlike those that the model learned from; nothing where none is, or it is not known."""
    if not evaluation.unlike:
        return ""
    clips = evaluation.figures.clips + evaluation.unlabelled + evaluation.skipped_by_code.get("label_not_learned", 0)
    return (
        f"{evaluation.unlike} of {counted(clips, evaluation.unit)} ({percent(evaluation.unlike / clips)}%) "
        f"{'is' if evaluation.unlike == 1 else 'are'} unlike "
        "what the model learned from: the confidence of their answers was lowered, and may still be too high."
    )


def calibration(evaluation: Evaluation) -> str:
    """The calibration error beside what answers of these confidences show that are exactly as often right."""
    found = evaluation.figures
    error, perfect = found.expected_calibration_error, found.if_calibrated
    if error is None or perfect is None:
        return ""
    low, high = perfect.band95
    where = "above that: more" if error > high else "within that: no more" if error >= low else "below that: no more"
    return (
        f"Expected calibration error {percent(error)} points. Answers of these confidences that are exactly as often "
        f"right as they claim show {percent(perfect.expected)} on so many {evaluation.unit}, and "
        f"{percent(low)} to {percent(high)} in 95 of 100 cases; this one lies {where} than chance explains."
    )


def _fallbacks(evaluation: Evaluation) -> list[str]:
    """A sentence for each model that gave way to its stand-in, in all or in some folds."""
    lines = []
    for model in dict.fromkeys(each.model for each in evaluation.fallbacks if each.fell):
        compared = [each for each in evaluation.fallbacks if each.model == model]
        fell = [each for each in compared if each.fell]
        where = f" in {len(fell)} of {counted(len(compared), 'folds')}" if len(compared) > 1 else ""
        own, other = (sum(getattr(each, name) for each in fell) / len(fell) for name in ("accuracy", "accuracy_to"))
        lines.append(
            f"{model_name(model)} gave way to {model_name(fell[0].to)}{where}: on train clips of people that neither "
            f"had seen it was right on {percent(own)}%, the other on {percent(other)}%."
        )
    return lines


def _power(found: DetectableGain, evaluation: Evaluation) -> str:
    share = f"on {percent(found.disagreement)}% of the {evaluation.unit} just one of them is right"
    if not found.measured_on:
        return f"{found.told(evaluation.unit)} This supposes, unmeasured, that {share}."
    pair = f"{chosen_name(evaluation)} and {model_name(found.measured_on)}"
    return f"{found.told(evaluation.unit)} This takes two models to differ as {pair} do: {share}."


def _against_largest_class(evaluation: Evaluation) -> str:
    found = evaluation.figures
    low, high = found.accuracy_ci95
    share = found.largest_class_share
    always = f"Always answering {found.largest_class}, the most frequent label, would be right for {percent(share)}%"
    if low > share:
        return f"{always}: the whole interval lies above that."
    if high < share:
        return f"{always}: the whole interval lies below that."
    return f"{always}, which lies within the interval: these {evaluation.unit} do not show that it does better."
