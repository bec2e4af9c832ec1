"""A profile: what each step asks of a cluster, as a file says it on top of what steps and models ask by themselves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from importlib import resources
from pathlib import Path
from typing import Any

import yaml

from affekt.errors import AffektError, DataError
from affekt.extensions import members_needed
from affekt.pipelines.placement import all_resources, resources_of, trained_together, training_step
from affekt.pipelines.profiles.step_place import StepPlace
from affekt.settings import Settings
from affekt.training.even_shares import micro_batch

#: Those that come with affekt.
NAMES = ("cpu", "gpu", "multi-gpu", "multi-node", "spot")
DEFAULT = "gpu"
#: What is said of all steps and means something to one that only follows.
_OF_A_FOLLOWER = ("image", "node_selector", "node_affinity", "tolerations", "queue", "priority")
#: Besides the names of steps: every step, and those whose model asks for an accelerator.
ALL, NETWORKS = "all", "networks"
_DEEP = 5


@dataclass(frozen=True)
class Profile:
    """What steps ask of a cluster. Build with :func:`read_profile`.

    Attributes:
        name: of the profile, or the path of its file.
        changes: values by ``all``, ``networks`` or the name of a step; the later ones count.
    """

    name: str
    changes: tuple[tuple[str, Mapping[str, Any]], ...]

    def place(self, step: str) -> StepPlace:
        """What a step asks for.

        Raises:
            AffektError: nobody has said for this step.
        """
        asked = resources_of(step)
        found = StepPlace(
            asked.cpu, asked.memory, asked.disk, asked.shared_memory, asked.gpus,
            retries=asked.retries, timeout_seconds=asked.timeout_seconds,
        )  # fmt: skip
        for to, values in self.changes:
            if to in (ALL, step) or (to == NETWORKS and asked.gpus):
                found = found.changed(values)
        return found if trained_together(step) else replace(found, nodes=1)

    def follower(self, step: str) -> StepPlace:
        """What a step asks for that only follows the training on several nodes: what is said of all steps, and time.

        Raises:
            AffektError: nobody has said for this step.
        """
        found = StepPlace(memory="4Gi")
        for to, values in self.changes:
            if to == ALL:
                found = found.changed({key: values[key] for key in values if key in _OF_A_FOLLOWER})
        place = self.place(step)
        return replace(found, retries=place.retries, timeout_seconds=place.timeout_seconds)


def read_profile(name: str = DEFAULT) -> Profile:
    """A profile by its name, or that of a file.

    Args:
        name: one of :data:`NAMES`, or the path of a YAML file: ``base``, the profile it starts from, and values by
            ``all``, ``networks`` or the names of steps.

    Raises:
        DataError: there is none, or its file names what cannot be, all of it at once.
    """
    profile = Profile(name, tuple(_changes(name, _DEEP)))
    for step in all_resources():
        place = profile.place(step)
        if place.priority and not place.queue:
            raise DataError(
                f"{step}: priority is that of Kueue's queues, since Kubeflow Pipelines hands no priority class to the "
                "pods of steps; name a queue, or leave priority out",
                code="profile",
                where=name,
            )
    return profile


def check_shares(profile: Profile, models: Sequence[str], settings: Settings) -> None:
    """Whether the processes of several nodes can share the batches of each network, before hours of other steps.

    Raises:
        AffektError: names the step whose processes cannot.
    """
    for model in members_needed(models):
        step = training_step(model)
        place = profile.place(step)
        if place.nodes > 1:
            group = settings.models[model]
            try:
                micro_batch(place.nodes * max(1, place.gpus), group.batch_size, group.micro_batch)
            except AffektError as error:
                raise AffektError(error.message, code=error.code, where=f"{profile.name}: {step}") from None


def _changes(name: str, deep: int) -> list[tuple[str, Mapping[str, Any]]]:
    document, lines, problems = _read(name)

    def wrong(text: str, *keys: str) -> None:
        problems.append((lines.get(keys, 1), text))

    below: list[tuple[str, Mapping[str, Any]]] = []
    found: list[tuple[str, Mapping[str, Any]]] = []
    base = document.pop("base", None)
    if base is not None:
        if not isinstance(base, str) or not deep:
            wrong(f"base is {base!r}; expected one of {', '.join(NAMES)}", "base")
        else:
            below = _changes(base, deep - 1)
    steps = all_resources()
    for to, values in document.items():
        if to not in (ALL, NETWORKS, *steps):
            wrong(f"{to} is no step; expected {ALL}, {NETWORKS} or one of {', '.join(steps)}", str(to))
        elif not isinstance(values, Mapping):
            wrong(f"{to} is {values!r}; expected values such as memory: 8Gi", to)
        else:
            for key, value in values.items():
                try:
                    StepPlace(gpus=1).changed({str(key): value})
                except ValueError as error:
                    wrong(f"{to}: {error}", to, str(key))
            if "nodes" in values and to != NETWORKS and not trained_together(to):
                wrong(
                    f"{to}: nodes is for steps that train a network; say it of {NETWORKS} or of one of them",
                    to,
                    "nodes",
                )
            found.append((str(to), {str(key): value for key, value in values.items()}))
    if problems:
        listed = "".join(f"\n  - line {line}: {problem}" for line, problem in sorted(problems))
        raise DataError(f"nothing of it is used:{listed}", code="profile", where=name)
    # What is said of all steps counts least, wherever it stands.
    return below + sorted(found, key=lambda change: {ALL: 0, NETWORKS: 1}.get(change[0], 2))


def _lines(node: yaml.Node | None) -> tuple[dict[tuple[str, ...], int], list[tuple[int, str]]]:
    """The line of each key of a file and of the values below it, and what is wrong with keys: some are there twice."""
    lines: dict[tuple[str, ...], int] = {}
    problems: list[tuple[int, str]] = []

    def walk(node: yaml.Node | None, *above: str) -> None:
        for key, value in node.value if isinstance(node, yaml.MappingNode) and len(above) < 2 else ():
            keys, line = (*above, str(key.value)), key.start_mark.line + 1
            if keys in lines:
                problems.append((line, f"{': '.join(keys)} is there twice"))
            lines[keys] = line
            walk(value, *keys)

    walk(node)
    return lines, problems


def _read(name: str) -> tuple[dict[str, Any], dict[tuple[str, ...], int], list[tuple[int, str]]]:
    if name in NAMES:
        text = resources.files("affekt.pipelines.profiles").joinpath(f"{name}.yaml").read_text(encoding="utf-8")
    else:
        try:
            text = Path(name).read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise DataError(
                f"is no profile: expected {', '.join(NAMES)}, or a YAML file", code="profile", where=name
            ) from error
    try:
        document, (lines, problems) = yaml.safe_load(text), _lines(yaml.compose(text, yaml.SafeLoader))
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise DataError(f"is no YAML: {' '.join(str(error).split())}", code="profile", where=name) from error
    if not isinstance(document, dict) or not document:
        raise DataError("expected values by all, networks or the names of steps", code="profile", where=name)
    return document, lines, problems
