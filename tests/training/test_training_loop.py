"""The training loop: schedules, accumulation, checkpoints, interruptions and divergence."""

from __future__ import annotations

import dataclasses
import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from affekt.errors import AffektError, DataError
from affekt.models.hardware import Hardware
from affekt.models.preprocessing import Preprocessing
from affekt.models.vgg import VggSettings
from affekt.models.vgg.network import VGG16, initialise
from affekt.settings import load_settings
from affekt.training import loop
from affekt.training.augmentation import Distortions
from affekt.training.batches import Batch
from affekt.training.checkpoints import Checkpoints, Stage
from affekt.training.distributed import World
from affekt.training.micro_batch import fitting
from affekt.training.picture_batches import FaceClip, FrameBatches
from affekt.training.throughput import COLUMNS, Meter

CPU = Hardware(torch.device("cpu"), torch.float32)


def settings(**changes: object) -> VggSettings:
    plain = dataclasses.replace(
        load_settings("paper").vgg, batch_size=8, micro_batch=None, iterations=24, learning_rate=0.02, warmup=5
    )
    return dataclasses.replace(plain, **changes)  # type: ignore[arg-type]


def network(*, batch_norm: bool = True, dropout: float = 0.5, classes: int = 2) -> VGG16:
    torch.manual_seed(0)
    made = VGG16(width=0.02, input_size=32, classes=classes, batch_norm=batch_norm, dropout=dropout)
    initialise(made)
    return made


def batches(group: VggSettings, distortions: Distortions | None = None) -> FrameBatches:
    """Dark and bright noise: two labels that can be told apart."""
    rng = np.random.default_rng(0)
    labels = [n % 2 for n in range(40)]
    images = np.stack([rng.integers(100 * label, 100 * label + 155, (32, 32, 3), dtype=np.uint8) for label in labels])
    return FrameBatches(
        images, labels, np.arange(40), [], Preprocessing(32), stage="base", seed=0, batch_size=group.batch_size,
        image_share=1.0, balanced=False, distortions=distortions,
    )  # fmt: skip


def stage(folder: Path) -> Stage:
    return Stage("vgg base", "base", 0, Checkpoints(folder / "checkpoints"))


def checkpoint(folder: Path) -> Path:
    """The only checkpoint below a folder."""
    (path,) = (folder / "checkpoints").iterdir()
    return path


def run(
    folder: Path, group: VggSettings | None = None, log: loop.Log | None = None
) -> tuple[VGG16, list[dict[str, float]]]:
    group = group or settings()
    trained = network()
    return trained, loop.train(trained, batches(group), group, stage(folder), CPU, log)


def weights(trained: VGG16) -> dict[str, Tensor]:
    return {name: tensor.clone() for name, tensor in trained.state_dict().items()}


def assert_identical(first: dict[str, Tensor], second: dict[str, Tensor]) -> None:
    assert first.keys() == second.keys()
    assert [name for name in first if not torch.equal(first[name], second[name])] == []


def assert_one_step(trained: VGG16, expected: VGG16, rate: float) -> None:
    """The trained network is the expected one after a step along its gradient."""
    with torch.no_grad():
        for parameter in expected.parameters():
            assert parameter.grad is not None
            parameter -= rate * parameter.grad
    for name, tensor in expected.state_dict().items():
        torch.testing.assert_close(trained.state_dict()[name], tensor, atol=1e-6, rtol=1e-5, msg=name)


def test_the_loop_learns(tmp_path: Path) -> None:
    _, history = run(tmp_path, settings(iterations=40))
    assert history[-1]["loss"] < 0.8 * history[0]["loss"]
    assert history[-1]["accuracy"] > 0.9


def test_the_history_and_the_log_say_the_same(tmp_path: Path) -> None:
    logged: list[tuple[int, Mapping[str, float]]] = []
    _, history = run(tmp_path, log=lambda metrics, step: logged.append((step, dict(metrics))))
    assert [row["step"] for row in history] == [20, 24] == [step for step, _ in logged]
    assert set(history[0]) == set(COLUMNS)
    for row, (_, metrics) in zip(history, logged, strict=True):
        assert metrics == {f"base.{name}": row[name] for name in COLUMNS[1:]}
        assert 0 <= row["data_wait"] <= 1 and row["mfu"] > 0 and row["items_per_second"] > 0


class Slow(Hardware):
    """A device whose peak was measured while it was busy."""

    @property
    def peak(self) -> float:
        return 1.0


def test_utilisation_is_a_share_where_the_peak_was_measured_too_low() -> None:
    meter = Meter(Slow(torch.device("cpu"), torch.float32), World())
    logits, targets = torch.ones(4, 2), torch.zeros(4, dtype=torch.int64)
    meter.flops = 1e9
    meter.waited(iter([Batch(torch.ones(4, 8), targets)]))
    meter.add(logits.sum(), logits, targets)
    assert meter.report(1, 0.1, torch.tensor(1.0))["mfu"] == 1.0


def uneven(group: VggSettings, *, balanced: bool = False) -> FrameBatches:
    """Thirty images of one label, ten of another."""
    images = np.random.default_rng(0).integers(0, 255, (40, 32, 32, 3), dtype=np.uint8)
    labels = [int(n >= 30) for n in range(40)]
    return FrameBatches(
        images, labels, np.arange(40), [], Preprocessing(32), stage="base", seed=0, batch_size=group.batch_size,
        image_share=1.0, balanced=balanced,
    )  # fmt: skip


def test_class_weights_weigh_a_loss_by_how_seldom_its_label_is_drawn(tmp_path: Path) -> None:
    group = settings(iterations=1, warmup=0, momentum=0.0, weight_decay=0.0, class_weights=True)
    source = uneven(group)
    trained, expected = network(batch_norm=False, dropout=0.0), network(batch_norm=False, dropout=0.0)
    loop.train(trained, source, group, stage(tmp_path), CPU)

    batch = source.load(0)
    logits = expected.train()(source.finish(batch, CPU.device))
    shares = torch.tensor([0.75, 0.25])
    losses = torch.nn.functional.cross_entropy(logits, batch.targets, reduction="none") / (2 * shares[batch.targets])
    losses.mean().backward()
    assert_one_step(trained, expected, group.learning_rate)


@pytest.mark.parametrize("possible", [None, (True, True, False)])
def test_a_label_that_no_clip_could_have_had_is_not_learned_against(
    tmp_path: Path, possible: tuple[bool, ...] | None
) -> None:
    group = settings(iterations=1, warmup=0, weight_decay=0.0)
    faces = np.random.default_rng(0).integers(0, 255, (4, 32, 32, 3), dtype=np.uint8)
    clips = [FaceClip(str(number), faces, np.arange(4), number % 2, possible) for number in range(4)]
    source = FrameBatches(
        None, [], np.zeros(0, int), clips, Preprocessing(32), stage="final", seed=0, batch_size=group.batch_size,
        image_share=None, balanced=False,
    )  # fmt: skip
    trained = network(batch_norm=False, dropout=0.0, classes=3)
    before = weights(trained)
    loop.train(trained, source, group, stage(tmp_path), CPU)
    (name,) = [name for name, value in before.items() if value.ndim == 2 and len(value) == 3]
    moved = (weights(trained)[name] != before[name]).any(axis=1).tolist()
    assert moved == [True, True, possible is None]


def test_class_weights_change_nothing_where_each_label_is_as_frequent(tmp_path: Path) -> None:
    ends = []
    for weighted in (False, True):
        group = settings(iterations=3, class_weights=weighted)
        trained = network()
        loop.train(trained, uneven(group, balanced=True), group, stage(tmp_path / str(weighted)), CPU)
        ends.append(weights(trained))
    assert_identical(*ends)


@pytest.mark.slow
def test_a_compiled_network_learns_the_same(tmp_path: Path) -> None:
    ends = []
    for compiles in (False, True):
        group = settings(iterations=3)
        trained = network(dropout=0.0)
        hardware = Hardware(torch.device("cpu"), torch.float32, compiles)
        loop.train(trained, batches(group), group, stage(tmp_path / str(compiles)), hardware)
        ends.append(weights(trained))
    for name, tensor in ends[0].items():
        torch.testing.assert_close(ends[1][name], tensor, atol=1e-4, rtol=1e-3, msg=name)


def test_the_mean_of_the_weights_is_kept_in_the_end(tmp_path: Path) -> None:
    ends = []
    for iterations in (1, 2, 3):
        group = settings(iterations=iterations, warmup=0, schedule="step")
        trained = network()
        loop.train(trained, batches(group), group, stage(tmp_path / str(iterations)), CPU)
        ends.append(weights(trained))
    start, kept = weights(network()), 0.5
    group = settings(iterations=3, warmup=0, schedule="step", averaging=kept)
    averaged = network()
    loop.train(averaged, batches(group), group, stage(tmp_path / "averaged"), CPU)
    for name, tensor in weights(averaged).items():
        expected = start[name]
        for end in ends:
            expected = kept * expected + (1 - kept) * end[name] if tensor.is_floating_point() else end[name]
        torch.testing.assert_close(tensor, expected, atol=1e-6, rtol=1e-5, msg=name)


def test_the_mean_of_the_weights_survives_an_interruption(tmp_path: Path) -> None:
    group = settings(averaging=0.9)
    expected, _ = run(tmp_path / "whole", group)
    with pytest.raises(SystemExit):
        run(tmp_path / "ended", group, log=lambda metrics, step: os.kill(os.getpid(), signal.SIGTERM))
    resumed, _ = run(tmp_path / "ended", group)
    assert_identical(weights(expected), weights(resumed))


def test_a_blended_item_has_the_losses_of_both_labels_by_their_shares(tmp_path: Path) -> None:
    group = settings(iterations=1, warmup=0, momentum=0.0, weight_decay=0.0)
    source = batches(group, Distortions(mixup=0.4))
    trained, expected = network(batch_norm=False, dropout=0.0), network(batch_norm=False, dropout=0.0)
    loop.train(trained, source, group, stage(tmp_path), CPU)

    batch = source.load(0)
    assert batch.shares is not None and 0.5 <= float(batch.shares.min()) < 1
    share = batch.shares[:, None, None, None]
    inputs = source.finish(batch, CPU.device)
    logits = expected.train()(share * inputs + (1 - share) * inputs.roll(1, 0))
    own, other = (
        torch.nn.functional.cross_entropy(logits, labels, reduction="none")
        for labels in (batch.targets, batch.targets.roll(1))
    )
    (batch.shares * own + (1 - batch.shares) * other).mean().backward()
    assert_one_step(trained, expected, group.learning_rate)


@pytest.mark.parametrize(("wanted", "expected"), [(8, 8), (None, 32)])
def test_a_cpu_takes_at_most_thirty_two_pictures_at_once(wanted: int | None, expected: int) -> None:
    plain = network(batch_norm=False)
    assert fitting(plain, batches(settings()), 256, wanted, CPU, 1) == expected


def test_batch_normalisation_sees_the_whole_batch() -> None:
    assert fitting(network(), batches(settings()), 256, None, CPU, 1) is None


def test_two_processes_share_what_fits() -> None:
    assert fitting(network(batch_norm=False), batches(settings()), 48, None, CPU, 2) == 24


def test_a_cpu_compiles_only_where_it_is_told() -> None:
    made = network()
    a_day = 86400.0
    for told in (None, False, True):
        hardware = Hardware(torch.device("cpu"), torch.float32, told)
        compiled = hardware.compiled(made, a_day * hardware.peak) is not made
        assert compiled is (told is True)


def test_paper_schedule_falls_in_steps() -> None:
    group = load_settings("paper").vgg
    rates = [loop.learning_rate(group, iteration) for iteration in (0, 3999, 4000, 7999, 8000, 9999)]
    assert rates == pytest.approx([1e-3, 1e-3, 1e-4, 1e-4, 1e-5, 1e-5])


def test_warm_up_rises_and_the_cosine_falls_to_zero() -> None:
    group = settings(schedule="cosine", iterations=100, learning_rate=0.1, warmup=10)
    rates = [loop.learning_rate(group, iteration) for iteration in range(100)]
    assert rates[0] == pytest.approx(0.01)
    assert np.argmax(rates) in (9, 10)
    assert rates[50] == pytest.approx(0.05)
    assert rates[99] < 1e-4


def test_accumulated_gradients_give_the_result_of_the_whole_batch(tmp_path: Path) -> None:
    results = []
    for micro in (None, 4, 2):
        group = settings(micro_batch=micro, iterations=6)
        trained = network(batch_norm=False, dropout=0.0)
        loop.train(trained, batches(group), group, stage(tmp_path / str(micro)), CPU)
        results.append(weights(trained))
    for other in results[1:]:
        for name, tensor in results[0].items():
            assert torch.allclose(tensor, other[name], rtol=1e-4, atol=1e-6), name


def test_weight_decay_spares_biases_and_normalisation(tmp_path: Path) -> None:
    trained = network()
    before = weights(trained)
    frozen = settings(learning_rate=1e-8, warmup=0, weight_decay=1.0, iterations=1)
    group = dataclasses.replace(frozen, learning_rate=1e-3)
    # Almost all of the step is decay: gradients are small against a decay of one.
    loop.train(trained, batches(group), group, stage(tmp_path), CPU)
    after = weights(trained)
    assert after["fc6.weight"].norm() < before["fc6.weight"].norm()
    assert torch.allclose(after["bn1_1.weight"], before["bn1_1.weight"], atol=2e-4)


def test_a_finished_stage_is_not_trained_again(tmp_path: Path) -> None:
    first, history = run(tmp_path)
    logged: list[int] = []
    second, again = run(tmp_path, log=lambda metrics, step: logged.append(step))
    assert logged == []
    assert again == history
    assert_identical(weights(first), weights(second))


KILLED_AT = 20
KILLED = """
import os, signal, sys
from pathlib import Path
sys.path.insert(0, sys.argv[1])
import test_training_loop as here
here.loop.CHECKPOINT_EVERY = 0.0
here.run(Path(sys.argv[2]), log=lambda metrics, step: step == here.KILLED_AT and os.kill(os.getpid(), signal.SIGKILL))
"""


def test_after_sigkill_training_ends_with_the_same_weights_to_the_last_bit(tmp_path: Path) -> None:
    expected, _ = run(tmp_path / "whole")
    killed = subprocess.run([sys.executable, "-c", KILLED, str(Path(__file__).parent), str(tmp_path / "killed")])
    assert killed.returncode == -signal.SIGKILL
    steps: list[int] = []
    resumed, _ = run(tmp_path / "killed", log=lambda metrics, step: steps.append(step))
    assert min(steps) >= KILLED_AT
    assert_identical(weights(expected), weights(resumed))


@pytest.mark.parametrize("micro", [None, 2])
def test_sigterm_writes_a_checkpoint_at_once_and_ends_the_program(tmp_path: Path, micro: int | None) -> None:
    group = settings(micro_batch=micro)
    expected, _ = run(tmp_path / "whole", group)
    with pytest.raises(SystemExit) as ended:
        run(tmp_path / "ended", group, log=lambda metrics, step: os.kill(os.getpid(), signal.SIGTERM))
    assert ended.value.code == 128 + signal.SIGTERM
    content = torch.load(checkpoint(tmp_path / "ended"), weights_only=True)
    assert content["iteration"] == 20
    resumed, history = run(tmp_path / "ended", group)
    assert [row["step"] for row in history] == [20, 24]
    assert_identical(weights(expected), weights(resumed))


def test_sigterm_in_the_middle_of_an_iteration_leaves_no_half_of_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    group = settings(micro_batch=2)
    expected, _ = run(tmp_path / "whole", group)
    passes = 0
    plain = VGG16.forward

    def forward(self: VGG16, pictures: Tensor) -> Tensor:
        nonlocal passes
        passes += self.training
        if passes == 4 * 7 + 2:  # the second of the four micro-batches of the eighth iteration
            os.kill(os.getpid(), signal.SIGTERM)
        return plain(self, pictures)

    with monkeypatch.context() as patched, pytest.raises(SystemExit):
        patched.setattr(VGG16, "forward", forward)
        run(tmp_path / "ended", group)
    assert torch.load(checkpoint(tmp_path / "ended"), weights_only=True)["iteration"] == 7
    resumed, _ = run(tmp_path / "ended", group)
    assert_identical(weights(expected), weights(resumed))


def test_the_handler_of_sigterm_is_put_back(tmp_path: Path) -> None:
    before = signal.getsignal(signal.SIGTERM)
    run(tmp_path, settings(iterations=1))
    assert signal.getsignal(signal.SIGTERM) is before


def test_a_checkpoint_of_other_settings_is_not_used(tmp_path: Path) -> None:
    run(tmp_path, settings(learning_rate=0.01))
    changed, _ = run(tmp_path, settings(learning_rate=0.02))
    expected, _ = run(tmp_path / "other", settings(learning_rate=0.02))
    assert_identical(weights(changed), weights(expected))


def test_a_damaged_checkpoint_is_named(tmp_path: Path) -> None:
    run(tmp_path, settings(iterations=2))
    path = checkpoint(tmp_path)
    path.write_bytes(path.read_bytes()[:1000])
    with pytest.raises(DataError, match="delete it") as caught:
        run(tmp_path, settings(iterations=2))
    assert caught.value.code == "damaged"
    assert caught.value.where == str(path)


def test_divergence_stops_with_the_iteration_and_the_last_good_checkpoint(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loop, "CHECKPOINT_EVERY", 0.0)
    group = settings(learning_rate=10.0, warmup=0, iterations=40)
    trained = network(batch_norm=False)
    with pytest.raises(AffektError, match="by iteration") as caught:
        loop.train(trained, batches(group), group, stage(tmp_path), CPU)
    assert caught.value.code == "diverged"
    assert str(checkpoint(tmp_path)) in caught.value.message
    content = torch.load(checkpoint(tmp_path), weights_only=True)
    assert all(tensor.isfinite().all() for tensor in content["network"].values())


def test_an_error_while_loading_a_batch_reaches_the_caller(tmp_path: Path) -> None:
    group = settings()
    broken = batches(group)
    broken.load = lambda iteration: 1 // 0  # type: ignore[method-assign, assignment, return-value]
    with pytest.raises(ZeroDivisionError):
        loop.train(network(), broken, group, stage(tmp_path), CPU)


def test_bfloat16_is_measured_to_be_quicker_where_the_processor_multiplies_in_it() -> None:
    cpuinfo = Path("/proc/cpuinfo")
    told = cpuinfo.read_text() if cpuinfo.is_file() else ""
    multiplies = "amx_bf16" in told or "avx512_bf16" in told
    assert Hardware.choose("cpu", "auto").dtype == (torch.bfloat16 if multiplies else torch.float32)
    assert Hardware.choose("cpu", "bfloat16").dtype == torch.bfloat16


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a CUDA device")
def test_cuda_that_is_not_there_is_an_error() -> None:
    with pytest.raises(AffektError) as caught:
        Hardware.choose("cuda")
    assert caught.value.code == "no_device"
