"""The table of the year, and what stands in the registry at its end."""

from __future__ import annotations

from collections import Counter

from record import header
from year_plan import WEEKS
from year_verdicts import Outcome
from year_weeks import NAME, Year

from affekt.registry import read_history
from affekt.registry.held_against import entries_in


def states(year: Year) -> dict[str, int]:
    """How many of MLflow's runs are in which state."""
    runs = year.tracking.client.search_runs([year.tracking.experiment_id], max_results=5000)
    return dict(sorted(Counter(run.info.status for run in runs).items()))


def report(year: Year, seconds: float, processor: float) -> str:
    """The table, and what stands in the registry.

    Args:
        year: as far as it came.
        seconds: that it took.
        processor: the processor's seconds.
    """
    tags = year.tracking.reader.model(NAME).tags
    right = sum(outcome.right for outcome in year.done)
    chain = " → ".join(str(entry.version) for entry in read_history(year.tracking, NAME))
    took = f"{seconds / 60:.0f} min, {processor / 60:.0f} min of one processor"
    far = "" if len(year.done) == WEEKS else f"The first {len(year.done)} of {WEEKS} weeks. "
    lines = [
        *header("A year of weekly trainings", "mlflow", "scikit-learn", "kfp", more=took),
        f"{far}{right} of {len(year.done)} weeks ended as they should. {len(year.versions())} versions, "
        f"{len(entries_in(tags))} comparisons with a champion or chance, champions {chain}. Runs of MLflow at the end: "
        f"{', '.join(f'{count} {state}' for state, count in states(year).items())}.",
        "",
        "RAVDESS and Javanese speech, voice alone. People: learned from + evaluated on. Gain: in points of accuracy "
        "over the champion on the same clips, with the interval of the decision. Level: the chance of a false "
        "promotion that the decision may spend, of 100, and as which challenger of the champion. Found: the gain in "
        "points that is found 80 times of 100.",
        "",
        "| week | kind | recipe | people | new versions | gain | level | found | decision | as it should be |",
        "|---|---|---|---|---|---|---|---|---|---|",
        *map(row, year.done),
        "",
    ]
    return "\n".join(lines)


def row(outcome: Outcome) -> str:
    """A line of the table."""
    this, figures = outcome.week, outcome.decision.get("figures", {})
    learned, evaluated = this.people
    recipe = f"{this.recipe[0]} {' '.join(each.split('.')[1] for each in this.recipe[1])}".strip()
    gain = power = level = ""
    if "difference" in figures:
        ends = "…".join(f"{100 * figures[f'difference_{end}']:+.1f}" for end in ("low", "high"))
        gain = f"{100 * figures['difference']:+.1f} ({ends})"
    elif "balanced_accuracy_challenger" in figures:
        above = figures["balanced_accuracy_challenger"] - figures["balanced_accuracy_by_chance"]
        gain = f"{100 * above:+.1f} over chance"
    if "power" in figures:
        found = figures["power"]["gain_found_80_of_100"]
        power = "none" if found is None else f"{100 * found:.1f}"
        level = f"{100 * figures['level']:.2g} ({figures['number']})"
    if outcome.refused:
        said = f"refused: {outcome.refused}"
    elif outcome.decision.get("judged") is False:
        said = "cannot be evaluated"
    else:
        said = "promoted" if outcome.promoted else "stays a challenger" if outcome.versions else "the same version"
        if "at such a price" in " ".join(outcome.decision.get("reasons", [])):
            said += " (guard)"
    note = (f"; {outcome.note}" if outcome.note else "") + (f";{outcome.later}" if outcome.later else "")
    versions = ", ".join(map(str, outcome.versions)) or "none"
    return (
        f"| {this.number} | {this.kind} | {recipe} | {learned} + {evaluated}, {len(this.rows)} clips | {versions} "
        f"| {gain} | {level} | {power} | {said}{note} | {'yes' if outcome.right else '**no**'} |"
    )
