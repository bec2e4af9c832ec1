"""All that the system needs to know of a fusion method in one value; every list of methods derives from these."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING, Any

from affekt.did_you_mean import did_you_mean
from affekt.errors import AffektError, DataError
from affekt.extensions.found import extensions

if TYPE_CHECKING:
    import numpy as np


@dataclass(frozen=True)
class LabelledScores:
    """Rows that a fusion method learns from: what a set of models answered that all answered, and the truth.

    Attributes:
        x: float64 ``[N, M L]``, the models' probability vectors laid end to end.
        y: int ``[N]``, label numbers, of two labels at least.
        subjects: N names, ``""`` where the person is not known; cross-validation holds out whole subjects.
        models: M.
        labels: L, some of which may have no rows.
        folds: grouped by subject, for what is chosen by cross-validation.
        seed: of everything random.
    """

    x: np.ndarray
    y: np.ndarray
    subjects: tuple[str, ...]
    models: int
    labels: int
    folds: int = 5
    seed: int = 0


@dataclass(frozen=True)
class FusionSpec:
    """A fusion method: several models' score vectors of a clip in, one probability vector out.

    A package offers one under the entry point group ``affekt.fusions``; :func:`affekt.testing.check_fusion` checks it.
    The module that holds the spec is imported whenever settings are read, so that what is heavy (scikit-learn, scipy)
    is imported inside ``fit``.

    A method is either a rule or fitted. A fitted one gets a classifier of its own for every set of models that answers
    together, and where there are too few rows for one the weighted average answers in its place.

    Attributes:
        name: in settings, tables, files and commands; ``snake_case``.
        title: as in the paper's Table 3.
        rule: takes probabilities ``[N, M, L]``, NaN in the vectors of models without an answer (each row has one
            answer at least), and gives ``[N, L]`` whose rows sum to one.
        weighted: whether the rule takes the models' weights ``[M]``, which sum to one, besides; they are given by the
            user or found on labelled rows.
        fit: takes :class:`LabelledScores` and the method's settings and gives an
            :class:`affekt.classifiers.ArrayClassifier`; raises ValueError where the rows do not allow one.
        kinds: the classes of what ``fit`` gives, where they are not of :mod:`affekt.classifiers`, by the name under
            which they are stored.
        settings: the frozen dataclass of its settings; limits as :class:`affekt.settings.fields.In`.
        presets: what its settings are in each preset, ``paper`` all of them and the others what differs; a method of
            affekt's own has these in ``affekt/presets``.
        most_rows: with more labelled rows than so many it is left out, with a word, where every method is tried; it is
            fitted where it is named. None where the time of ``fit`` grows no faster than the rows.
        selects: whether ``fit`` selects one of several fusions: what it gives has ``told``, a sentence on what was
            selected for models of some names, and ``weighing``, the numbers of those that have a weight (None: all).
        order: place among the methods, those with small numbers first.
    """

    name: str
    title: str
    rule: Callable[..., np.ndarray] | None = None
    weighted: bool = False
    fit: Callable[[LabelledScores, Any], Any] | None = None
    kinds: Mapping[str, type] = field(default_factory=dict)
    settings: type | None = None
    presets: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    most_rows: int | None = None
    selects: bool = False
    order: int = 1000

    @property
    def learns(self) -> bool:
        """Whether it needs labelled rows: for a classifier, or for its weights."""
        return self.weighted or self.fit is not None


@cache
def fusion_specs() -> Mapping[str, FusionSpec]:
    """Every installed fusion method by name, in the order in which they are tried and shown.

    Raises:
        AffektError: a spec bears another name than its entry point, or is neither a rule nor fitted, or both.
    """
    found: Mapping[str, FusionSpec] = extensions("fusion")
    for name, spec in found.items():
        if spec.name != name:
            raise AffektError(
                f"the fusion method {spec.name!r} is offered under the name {name!r}", code="extension_broken"
            )
        if (spec.rule is None) == (spec.fit is None) or (spec.weighted and spec.rule is None):
            raise AffektError(
                f"the fusion method {name!r} must have either a rule, weighted or not, or a fit",
                code="extension_broken",
            )
    return {spec.name: spec for spec in sorted(found.values(), key=lambda spec: (spec.order, spec.name))}


def fusion_names() -> tuple[str, ...]:
    """The names of all installed fusion methods, in the order in which they are tried and shown."""
    return tuple(fusion_specs())


def fusions_for(rows: int, named: str | None = None) -> tuple[tuple[str, ...], str | None]:
    """Every method to try, one that is named in any case, and a sentence on those that have too many labelled rows."""
    specs = fusion_specs().values()
    slow = [spec for spec in specs if spec.most_rows is not None and rows > spec.most_rows and spec.name != named]
    told = [f"{spec.name} (tried with up to {spec.most_rows:,} unless it is named)" for spec in slow]
    reason = f"left out {', '.join(told)}: its time grows faster than the rows, of which {rows:,} have a label"
    return tuple(spec.name for spec in specs if spec not in slow), reason if slow else None


def fusion_spec(name: str) -> FusionSpec:
    """The spec of a fusion method.

    Raises:
        DataError: ``unknown_method``: no installed package offers it.
    """
    specs = fusion_specs()
    if name not in specs:
        near = did_you_mean(name, specs)
        raise DataError(f"no fusion method {name!r}{near}; expected one of {', '.join(specs)}", code="unknown_method")
    return specs[name]
