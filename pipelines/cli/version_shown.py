"""``affekt models show``: on one screen, why a version is or is not the champion."""

from __future__ import annotations

import textwrap

from affekt.registry.history import Entry
from affekt.report.difference_bars import difference_bars
from affekt.steps.version_story import VersionStory

_WIDE = 100


def version_shown(story: VersionStory) -> str:
    """The screen, as text."""
    version, champion = story.version, story.champion
    if story.is_champion:
        said = f"{version.reference} is the champion"
    elif champion is None:
        said = f"{version.reference} is not the champion; there is none"
    else:
        said = f"{version.reference} is not the champion; {champion.reference} is"
    lines = [said, *_facts(story), *_changes(story)]
    if story.outcome is None:
        lines.append("no decision of a gate on this version is kept")
        return "\n".join(lines)
    decision = story.outcome.decision
    verdict = "not evaluated" if not decision.evaluated else "for it" if decision.promote else "against it"
    lines += ["", f"the gate decided: {verdict}"]
    for reason in decision.reasons:
        lines += textwrap.wrap(reason, _WIDE, initial_indent="- ", subsequent_indent="  ")
    whole, parts = story.outcome.whole, story.outcome.parts
    if whole is not None and parts is not None:
        lines += ["", "challenger over champion", *difference_bars(whole, parts)]
    return "\n".join(lines)


def _facts(story: VersionStory) -> list[str]:
    version = story.version
    figures = [f"{name.replace('_', ' ')} {100 * value:.1f}%" for name, value in version.metrics.items()]
    made = f"made {version.created}, run {story.run_id or 'unknown'}"
    return [", ".join([made, *figures])]


def _changes(story: VersionStory) -> list[str]:
    """When it became the champion and when it ceased to be."""
    lines = []
    for entry in story.changes:
        came = entry.version == story.version.version
        what = "champion since" if came else f"replaced by {story.version.name}/{entry.version} on"
        lines.append(f"{what} {entry.when}{_by(entry)}")
    return lines


def _by(entry: Entry) -> str:
    who = f", by {entry.action}" + (f" of {entry.who}" if entry.who else "")
    # A gate's reasons stand below, or are those of another version.
    reason = f": {entry.reason}" if entry.reason and entry.action != "gate" else ""
    return who + reason
