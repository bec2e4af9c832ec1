"""The part of the report that holds every model and fusion of a run side by side, and any two against each other."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from affekt.report.paper_tables import fusion_name, members_text, model_name
from affekt.report.small_pictures import small_confusion, small_reliability


def every_model(evaluation: Mapping[str, Any], longest: int) -> dict[str, Any]:
    """What the template ``every_model.html`` shows of an evaluation.

    Args:
        evaluation: as :func:`affekt.report.document.evaluate_table` gives it.
        longest: how many subjects are listed, the lowest first.

    Returns:
        ``labels``, ``rows`` (name, detail, figures, and pictures of each model and fusion) and ``pairs`` (a line for
        each but the first, with a cell for each one before it; empty where there is nothing to compare), and ``groups``
        (attribute, and the name and the accuracies of each of its groups).
    """
    labels, models, fusion = evaluation["labels"], evaluation["models"], evaluation["fusion"]
    names = {f"models.{name}": (model_name(name), "", figures) for name, figures in models.items()}
    for key, figures in fusion.items():
        detail = "" if figures["models"] == list(models) else members_text(figures["models"])
        names[f"fusion.{key}"] = (f"Fusion: {fusion_name(key)}", detail, figures)
    rows = [
        {
            "name": name,
            "detail": detail,
            "figures": figures,
            "confusion": small_confusion(figures["confusion"], labels),
            "reliability": small_reliability(figures["reliability"]),
        }
        for name, detail, figures in names.values()
    ]
    found = {(pair["a"], pair["b"]): pair for pair in evaluation.get("pairs", ())}
    lines = []
    for number, key in enumerate(names):
        cells = [_cell(found[other, key]) for other in list(names)[:number] if (other, key) in found]
        if cells:
            name, detail, _ = names[key]
            lines.append({"number": number + 1, "name": f"{name} ({detail})" if detail else name, "cells": cells})
    lowest = sorted(evaluation["by_subject"].items(), key=lambda item: (item[1]["accuracy"], item[0]))[:longest]
    groups = [
        (attribute, [(name, [figures["accuracy_of"][key] for key in names]) for name, figures in values.items()])
        for attribute, values in {**evaluation["by_attribute"], "subject": dict(lowest)}.items()
        if values and all("accuracy_of" in figures for figures in values.values())
    ]
    return {"labels": labels, "rows": rows, "pairs": lines, "groups": groups}


def _cell(pair: Mapping[str, Any]) -> dict[str, Any]:
    low, high = pair["ci95"]
    return {
        "gain": pair["difference"],
        "p": pair["mcnemar_p"],
        "decided": low > 0 or high < 0,
        "interval": f"{100 * low:+.1f} to {100 * high:+.1f} points",
    }
