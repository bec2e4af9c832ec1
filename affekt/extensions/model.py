"""All that the system needs to know of a model in one value; every list of models derives from these."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from affekt.argument_names import argument
from affekt.did_you_mean import did_you_mean
from affekt.errors import AffektError, DataError
from affekt.extensions.found import extensions


@dataclass(frozen=True)
class Resources:
    """What a step asks of the machine that runs it."""

    cpu: str = "1"
    memory: str = "2Gi"
    gpus: int = 0
    shared_memory: str = ""  # /dev/shm, for the loader's processes
    disk: str = "8Gi"  # for copies of prepared clips and what is decoded of them
    retries: int = 2
    timeout_seconds: int = 3600


#: What training a network asks for: a GPU, and shared memory for the loader.
ON_A_GPU = Resources(
    cpu="8", memory="32Gi", gpus=1, shared_memory="8Gi", disk="40Gi", timeout_seconds=2 * 86400
)  # fmt: skip


@dataclass(frozen=True)
class ModelSpec:
    """A model of the ensemble: what it is called, what it looks at, how it learns and how it answers.

    A package offers one under the entry point group ``affekt.models``; :mod:`affekt.testing` checks it. The module that
    holds the spec is imported whenever models are listed, so that it must not import what is heavy; ``train``,
    ``load``, ``write_graph``, ``load_graph``, ``absent`` and ``explain`` are ``"module:function"`` and imported when
    they are needed.

    Attributes:
        name: in settings, tables, files and commands; ``snake_case``.
        title: as in the paper's tables.
        short: in lists of fused models.
        modalities: of ``face`` and ``voice``, those that it looks at, all of which it needs.
        settings: the frozen dataclass of its settings; limits as :class:`affekt.settings.fields.In`.
        train: learns from :class:`affekt.training.given.Given`, writes the member's folder, returns its score table.
        load: gives a :class:`affekt.models.member.Member` from that folder.
        write_graph: writes the network of that folder as a graph of the inference engine beside it
            (:mod:`affekt.models.graphs`); ``""`` for a model without a network, or whose network answers by PyTorch.
        load_graph: as ``load``, from the graph.
        absent: says why it cannot be trained here, given its group of settings; ``""`` where it can. A training of
            several models goes on without it, with that word. By default it always can.
        presets: what its settings are in each preset, ``paper`` all of them and the others what differs; a model of
            affekt's own has these in ``affekt/presets``.
        needs: models whose trained members it reads.
        resources: what a machine must offer to train it.
        optional: whether it is fused only if that helps on subjects that it did not see; or the presets in which so.
        stands_in: of the models that it needs, the one in whose place it is fused where that one is right less often on
            train subjects that neither had seen, by more than a standard error; ``""`` for none.
        learns_from_images: whether still face images teach it as well.
        reads_wide: whether it reads faces with a margin around them, which are kept where the weights are here that
            ``pretrained`` of its settings names (``media.wide_size``).
        answers_images: whether it can be trained and evaluated on still images alone.
        needs_descriptors: whether the audio feature set has to have frame-level descriptors.
        processes: whether several processes, one for each GPU, can train it together.
        explain: gives an :class:`affekt.models.explainer.Explainer` from that folder, which draws Figure 7; ``""`` for
            a model that is not explained.
        paper: its accuracy in the paper's Tables 1 and 2, percent; None for a model that the paper does not have.
        order: place among the models, those with small numbers first; a model comes after those that it needs.
    """

    name: str
    title: str
    short: str
    modalities: tuple[str, ...]
    settings: type
    train: str
    load: str
    write_graph: str = ""
    load_graph: str = ""
    absent: str = ""
    presets: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    needs: tuple[str, ...] = ()
    resources: Resources = Resources()
    optional: bool | tuple[str, ...] = False
    stands_in: str = ""
    learns_from_images: bool = False
    reads_wide: bool = False
    answers_images: bool = False
    needs_descriptors: bool = False
    processes: bool = False
    explain: str = ""
    paper: float | None = None
    order: int = 1000

    @property
    def sees(self) -> bool:
        """Whether it looks at faces."""
        return "face" in self.modalities

    @property
    def hears(self) -> bool:
        """Whether it listens to the voice."""
        return "voice" in self.modalities


@cache
def model_specs() -> Mapping[str, ModelSpec]:
    """Every installed model by name, in the order in which they are trained and shown.

    Raises:
        AffektError: a spec bears another name than its entry point, or needs a model that is not installed or that
            comes after it.
    """
    found: dict[str, ModelSpec] = extensions("model")  # type: ignore[assignment]
    for name, spec in found.items():
        if spec.name != name:
            raise AffektError(f"the model {spec.name!r} is offered under the name {name!r}", code="extension_broken")
    ordered: dict[str, ModelSpec] = {}
    for spec in sorted(found.values(), key=lambda spec: (spec.order, spec.name)):
        missing = [name for name in (*spec.needs, spec.stands_in) if name and name not in ordered]
        if missing:
            raise AffektError(
                f"the model {spec.name!r} needs {missing[0]!r}, which is not installed or comes after it",
                code="extension_broken",
            )
        ordered[spec.name] = spec
    return ordered


def model_names() -> tuple[str, ...]:
    """The names of all installed models, in the order in which they are trained and shown."""
    return tuple(model_specs())


def only_images() -> str:
    """``--only vgg``, or ``only='vgg'``: what has to be said for a model that learns from still images alone."""
    alone = [name for name, spec in model_specs().items() if spec.answers_images]
    return " or ".join(argument("only", name, command="train") for name in alone)


def model_spec(name: str) -> ModelSpec:
    """The spec of a model.

    Raises:
        DataError: ``unknown_model``: no installed package offers it.
    """
    specs = model_specs()
    if name not in specs:
        near = did_you_mean(name, specs)
        raise DataError(f"unknown model {name!r}{near}; expected one of {', '.join(specs)}", code="unknown_model")
    return specs[name]


def models_named(only: str | None) -> tuple[str, ...]:
    """The models of a list such as ``svc,voice_embedding``, in their own order; all that are installed without one.

    Raises:
        DataError: ``unknown_model``: no installed package offers one of them.
    """
    if not only:
        return model_names()
    wanted = {model_spec(name.strip()).name for name in only.split(",")}
    return tuple(name for name in model_names() if name in wanted)


def members_needed(models: Sequence[str]) -> tuple[str, ...]:
    """The members to train so that the given models can answer: themselves, and those that they need.

    Raises:
        DataError: ``unknown_model``: no installed package offers one of them.
    """
    needed: set[str] = set()
    waiting = list(models)
    while waiting:
        spec = model_spec(waiting.pop())
        needed.add(spec.name)
        waiting.extend(name for name in spec.needs if name not in needed)
    return tuple(name for name in model_specs() if name in needed)
