"""What all tests share: where the real data is, sample clips, and a tiny ensemble trained on them by the real code."""

from __future__ import annotations

import fcntl
import json
import logging
import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from affekt.events import Event
from affekt.extensions import detector_spec, found, fusion_specs, layout_specs, model_specs

os.environ.setdefault("OMP_NUM_THREADS", "1")
# Settings of networks so small that training them takes seconds; the code is the real one.
TINY = (
    "media.face_size=48",
    "vgg.width=0.05",
    "vgg.input_size=32",
    "vgg.base_iterations=2",
    "vgg.iterations=2",
    "vgg.batch_size=8",
    "vgg.frames_per_clip=4",
    "c3d.width=0.03",
    "c3d.input_size=32",
    "c3d.base_iterations=2",
    "c3d.iterations=2",
    "c3d.batch_size=4",
    "c3d.micro_batch=null",
    "c3d.windows_per_clip=2",
    "bilstm.hidden=8",
    "bilstm.time_steps=8",
    "bilstm.iterations=2",
    "bilstm.batch_size=4",
    "joint.projection=4",
    "joint.hidden=8",
    "joint.time_steps=8",
    "joint.iterations=2",
    "joint.batch_size=4",
    "random_forest.trees=20",
    "random_forest.min_samples_split=4",
    "svc.c_candidates=[0.01, 0.1]",
    "fusion.folds=2",
    "evaluation.bootstrap=100",
)
REPOSITORY = Path(__file__).resolve().parent.parent
SERVING = REPOSITORY / "tests" / "serving"
# With several test processes, what takes longest goes first, so that none is waited for at the end.
FIRST = (
    "pipeline",
    "server",
    "test_readme.py",
    "door",
    "test_a_training_with_all_of_them.py",
    "test_no_leak.py",
    "test_check_model.py",
    "test_python_func.py",
)


@pytest.hookimpl(tryfirst=True)  # pytest-xdist reads the groups in its own hook
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Keep the tests of one file in one process, and those that look at the pipeline's run too: it is made once.

    Likewise the files of ``tests/serving`` that ask its TorchServe (``server``), and those that ask its other one alone
    (``door``): each process would start its own.
    """
    used: dict[Path, set[str]] = {}
    for item in items:
        used.setdefault(item.path, set()).update(getattr(item, "fixturenames", ()))

    def group(item: pytest.Item) -> str:
        if "pipeline_run" in getattr(item, "fixturenames", ()):
            return "pipeline"
        servers = [name for name in ("server", "door") if name in used[item.path]]
        return servers[0] if servers and item.path.parent == SERVING else item.path.name

    groups = {item: group(item) for item in items}
    for item, group in groups.items():
        item.add_marker(pytest.mark.xdist_group(group))
    items.sort(key=lambda item: FIRST.index(groups[item]) if groups[item] in FIRST else len(FIRST))


@pytest.fixture
def looked_up_anew() -> Iterator[None]:
    """For tests that change what is installed, which a process looks up once; afterwards it is looked up again."""
    kept = (
        found._installed, found._offers, found.extension, found.extensions,
        detector_spec, fusion_specs, layout_specs, model_specs,
    )  # fmt: skip
    for lookup in kept:
        lookup.cache_clear()
    yield
    for lookup in kept:
        lookup.cache_clear()


@pytest.fixture(autouse=True)
def the_librarys_log_as_imported() -> None:
    """A command or a step in this process, of a test or of what tests share, may have changed it."""
    log = logging.getLogger("affekt")
    log.setLevel(logging.NOTSET)
    log.propagate, log.disabled, log.handlers = True, False, []
    logging.getLogger().setLevel(logging.WARNING)


@pytest.fixture(scope="session")
def encoders(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, ...]:
    """Settings that name encoders of random weights, since the published ones may not be installed."""
    import torch
    from safetensors.torch import save_file

    from affekt.models.face_embedding.network import MobileNet
    from affekt.models.speech_embedding.network import SpeechEncoder
    from affekt.models.voice_embedding.network import VoiceEncoder
    from affekt.pretrained import published
    from affekt.pretrained.collection import DESCRIPTION, WEIGHTS
    from affekt.pretrained.installing import described_as
    from affekt.pretrained.layers import Size

    folder = tmp_path_factory.mktemp("encoders")
    with torch.random.fork_rng():
        torch.manual_seed(0)
        save_file(VoiceEncoder().state_dict(), folder / "voice.safetensors")
        save_file(MobileNet(1 / 16, "bgr", (0, 0, 0)).state_dict(), folder / WEIGHTS)
        save_file(SpeechEncoder(32).state_dict(), folder / "speech.safetensors")
    kept = described_as(published("faceres"), "small", "tensorflow_js", Size(0, 1 / 16), folder / WEIGHTS)
    (folder / DESCRIPTION).write_text(json.dumps(kept.to_dict()), encoding="utf-8")
    return (
        f"voice_embedding.pretrained={folder / 'voice.safetensors'}",
        f"speech_embedding.pretrained={folder / 'speech.safetensors'}",
        f"face_embedding.pretrained={folder}",
        "face_embedding.frames_per_clip=2",
        "base_embedding.frames_per_clip=2",
    )


def real_data() -> Path | None:
    """The folder of real clips, faces and score tables that lies beside the repository, where it is there."""
    folder = Path(os.environ.get("AFFEKT_TEST_DATA", REPOSITORY.parent / "shared" / "data"))
    return folder if folder.is_dir() else None


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real data."""
    folder = real_data()
    if folder is None:
        pytest.skip("the real data (../shared/data) is not here")
    return folder


def made_once(name: str, temporary: pytest.TempPathFactory, make: Callable[[Path], object]) -> Path:
    """A folder of what takes long to make, which all processes of this test session share; they only read it.

    AFFEKT_TEST_KEPT names a folder in which it is kept for later sessions.

    Args:
        name: of the folder.
        temporary: where it lies.
        make: fills it, given the folder.
    """
    # With pytest-xdist, the folder above is that of the session, and its own is that of one process.
    above = temporary.getbasetemp().parent if "PYTEST_XDIST_WORKER" in os.environ else temporary.getbasetemp()
    folder = Path(os.environ.get("AFFEKT_TEST_KEPT") or above, name)
    folder.parent.mkdir(parents=True, exist_ok=True)
    with folder.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / "done").exists():
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir()
            make(folder)
            (folder / "done").touch()
    return folder


@pytest.fixture(scope="session")
def once(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str, Callable[[Path], object]], Path]:
    """:func:`made_once` for a file of tests: the folder of a name, which is filled once for all processes."""
    return lambda name, make: made_once(name, tmp_path_factory, make)


@pytest.fixture(scope="session")
def empty_database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An MLflow database with its tables and nothing in them, which takes seconds to make."""
    from affekt.registry import Tracking

    def make(root: Path) -> None:
        assert Tracking(f"sqlite:///{root / 'mlflow.db'}", home=root).client

    return made_once("empty_database", tmp_path_factory, make) / "mlflow.db"


@pytest.fixture(scope="session")
def registry_in(empty_database: Path):
    """Makes a registry with nothing in it in a folder."""
    from affekt.registry import Tracking

    def make(folder: Path) -> Tracking:
        shutil.copyfile(empty_database, folder / "mlflow.db")
        return Tracking(f"sqlite:///{folder / 'mlflow.db'}", home=folder)

    return make


@pytest.fixture(scope="session")
def sample_clips(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of sample clips with its manifest: three a label, of two subjects in train and one in val."""
    from affekt.samples.write import write_samples

    def make(root: Path) -> None:
        write_samples(root / "clips", clips_per_label=3, seed=1, progress=False)

    return made_once("sample_clips", tmp_path_factory, make) / "clips"


@pytest.fixture(scope="session")
def sample_faces(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of sample face images, three a label."""
    from affekt.samples.write import write_sample_faces

    def make(root: Path) -> None:
        write_sample_faces(root / "faces", per_label=3, seed=1)

    return made_once("sample_faces", tmp_path_factory, make) / "faces"


@dataclass(frozen=True)
class Trained:
    """A trained run on the sample clips, as the pipeline's steps would leave it."""

    store: Path
    prepared: Path
    members: dict[str, Path]
    scores: Path
    ensemble: Path


@pytest.fixture(scope="session")
def tiny_settings():
    """Settings of tiny networks."""
    from affekt.settings import load_settings

    return load_settings("small", TINY)


@pytest.fixture(scope="session")
def tiny_run(
    tmp_path_factory: pytest.TempPathFactory, sample_clips: Path, sample_faces: Path, tiny_settings
) -> Trained:
    """All members trained on the sample clips, fused and assembled."""
    from affekt.dataset import load_clips, read_faces
    from affekt.extensions import model_names, model_specs
    from affekt.media import FaceSet, prepare_faces
    from affekt.steps.fit_fusion import fit_fusions
    from affekt.store.entries import Store
    from affekt.store.preparing import prepare_clips
    from affekt.training.given import Given
    from affekt.training.sitting_out import train_or_sit_out

    def of(root: Path) -> Trained:
        return Trained(
            root / "store", root / "prepared", {name: root / name for name in model_names()}, root / "scores",
            root / "ensemble",
        )  # fmt: skip

    def make(root: Path) -> None:
        trained = of(root)
        store = Store(trained.store, tiny_settings.media)
        index = prepare_clips(load_clips(str(sample_clips)), store, workers=1, progress=False)
        index.write(trained.prepared)
        faces: FaceSet = prepare_faces(read_faces(str(sample_faces)), tiny_settings.media.face_size)
        for name, spec in model_specs().items():
            needs = {needed: trained.members[needed] for needed in spec.needs}
            out = trained.members[name]
            train_or_sit_out(Given(name, index, store, tiny_settings, index.labels, out, faces=faces, needs=needs))
        fused = fit_fusions(
            trained.members, model_names(), tiny_settings, trained.ensemble, facts={"data": "sample"},
            seen=(index, store),
        )  # fmt: skip
        fused.write(trained.scores)

    return of(made_once("tiny", tmp_path_factory, make))


@pytest.fixture(scope="session")
def tiny_ensemble(tiny_run: Trained) -> Path:
    """The folder of a tiny ensemble."""
    return tiny_run.ensemble


@dataclass(frozen=True)
class PipelineRun:
    """The committed pipeline, run on KFP's local runner with tiny networks."""

    home: Path
    run: object
    lines: list[Event]
    tracking_uri: str

    def artifact(self, task: str, name: str) -> Path:
        """Where a task left an artifact."""
        return next((self.home / "run" / "artifacts").glob(f"*/{task}/{name}"))


@pytest.fixture(scope="session")
def pipeline_run(
    tmp_path_factory: pytest.TempPathFactory, sample_clips: Path, sample_faces: Path, tiny_settings
) -> PipelineRun:
    """The committed YAML itself, run once for all tests: sample clips in, a registered ensemble out."""
    from kfp import components

    from affekt.pipelines.local import run_locally

    home = tmp_path_factory.mktemp("pipeline")
    uri = f"sqlite:///{home / 'mlflow.db'}"
    arguments = {
        "data": str(sample_clips),
        "faces": str(sample_faces),
        "settings": tiny_settings.to_json(),
        "name": "tiny",
        "store": str(home / "store"),
        "tracking_uri": uri,
        "clips_per_shard": 11,
    }
    pipeline = components.load_component_from_file(str(REPOSITORY / "tests" / "pipelines" / "affekt-training.yaml"))
    lines: list[Event] = []
    before = os.environ.get("AFFEKT_HOME")
    os.environ["AFFEKT_HOME"] = str(home)
    try:
        run = run_locally(pipeline, arguments, home / "run", say=lines.append)
    finally:
        if before is None:
            del os.environ["AFFEKT_HOME"]
        else:
            os.environ["AFFEKT_HOME"] = before
    return PipelineRun(home, run, lines, uri)
