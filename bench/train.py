"""Measure the training loop itself: stored data against data in memory, and forward passes against plain eager ones.

    python bench/train.py [--preset small|paper] [--device auto|cpu|cuda] [--iterations 30] [--out docs/benchmarks]

Prints a table with date, commit, host, versions and threads. Every cell is a run of the code that trains
and serves; the clips are noise, so the figures say how fast, never how well.
"""

from __future__ import annotations

import argparse
import dataclasses
import datetime
import logging
import os
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from record import add_out, header, publish
from torch import Tensor

from affekt.media import PreparedClip
from affekt.media.pictures import FacePictures
from affekt.models.bilstm.network import BiLSTM
from affekt.models.hardware import Hardware
from affekt.models.normalisation import ready
from affekt.models.vgg.member import VggMember
from affekt.settings import Settings, load_settings
from affekt.store.entries import Store
from affekt.training import loop
from affekt.training.batches import Batch, Batches
from affekt.training.checkpoints import Checkpoints, Stage
from affekt.training.decoded import DecodedPictures, KeptPictures
from affekt.training.picture_batches import FaceClip, FrameBatches, WindowBatches
from affekt.training.sequence_batches import SequenceBatches
from affekt.training.starting_weights import start_c3d, start_vgg

LABELS = 7
NETWORKS = ("vgg", "c3d", "bilstm")
#: Iterations before the clock starts: memory is allocated and kernels are chosen in them.
WARM_UP = 5
CLIPS, FRAMES = 24, 100
#: What is compared takes turns so many times, since the speed of a shared machine drifts.
ROUNDS = 8


class InMemory:
    """The first batches of another source, ready for the device, again and again: what training would cost alone."""

    def __init__(self, source: Batches, device: torch.device, count: int = 4) -> None:
        self._batches = [source.load(iteration) for iteration in range(count)]
        self._inputs = {id(batch.targets): source.finish(batch, device) for batch in self._batches}
        self.identity = "in memory"
        self.label_shares, self.possible = source.label_shares, source.possible

    def load(self, iteration: int, items: Sequence[int] | None = None) -> Batch:
        chosen = self._batches[iteration % len(self._batches)]
        return Batch(self._inputs[id(chosen.targets)], chosen.targets)

    def finish(self, batch: Batch, device: torch.device) -> Tensor:
        return batch.inputs


def stored_clips(folder: Path, settings: Settings) -> list[FaceClip]:
    """Clips of noise in a real store, read back as a training reads them."""
    rng = np.random.default_rng(0)
    store, clips, kept = Store(folder, settings.media), [], DecodedPictures()
    side = settings.media.face_size
    for number in range(CLIPS):
        faces = rng.integers(0, 255, (FRAMES, side, side, 3), dtype=np.uint8)
        empty = np.zeros((FRAMES, 4), np.float32)
        times = np.arange(FRAMES, dtype=np.float32) / 25
        key = f"{number:032d}-0"
        store.put(key, PreparedClip(faces, np.ones(FRAMES, bool), empty, times, np.zeros(88, np.float32), False))
        clip = store.get(key)
        faces_ = KeptPictures(clip.faces, kept) if isinstance(clip.faces, FacePictures) else clip.faces
        for frame in range(FRAMES):  # pictures are decoded when they are drawn for the first time, which soon is over
            faces_[frame]
        clips.append(FaceClip(key, faces_, clip.face_frames, number % LABELS))
    return clips


def speed(network: Any, batches: Batches, group: Any, hardware: Hardware, iterations: int) -> dict[str, float]:
    """Items a second, waiting share and FLOPs utilisation of the training loop, without its warm-up."""
    group = dataclasses.replace(group, iterations=WARM_UP + iterations)
    rows: list[dict[str, float]] = []
    every, seconds = loop.REPORT_EVERY, loop.REPORT_SECONDS
    loop.REPORT_EVERY, loop.REPORT_SECONDS = max(WARM_UP, iterations // 4), 0.0
    try:
        with tempfile.TemporaryDirectory() as folder:
            stage = Stage("bench", "bench", 0, Checkpoints(folder))
            rows = loop.train(network, batches, group, stage, hardware)
    finally:
        loop.REPORT_EVERY, loop.REPORT_SECONDS = every, seconds
    measured = rows[1:]
    return {name: statistics.median(row[name] for row in measured) for name in ("items_per_second", "data_wait", "mfu")}


def forward_speed(call: Callable[[], Any], items: int, hardware: Hardware, repeats: int = 5) -> float:
    """Items a second of a forward pass, the median of some runs after one that is not counted."""
    times = []
    for _ in range(repeats + 1):
        started = time.perf_counter()
        call()
        if hardware.device.type == "cuda":
            torch.cuda.synchronize()
        times.append(time.perf_counter() - started)
    return items / statistics.median(times[1:])


def training_rows(
    settings: Settings, hardware: Hardware, clips: list[FaceClip], iterations: int, rounds: int, networks: Sequence[str]
) -> list[list[str]]:
    """A row for each network: stored data, data in memory, their ratio, the share of waiting, utilisation."""
    on_device = hardware.device.type != "cpu"
    rows = []
    for name in networks:
        group = getattr(settings, name)
        common = {"stage": "bench", "seed": 0, "batch_size": group.batch_size, "balanced": False}
        batches: Batches
        network: Any
        if name == "bilstm":
            units = max(1, round(4096 * settings.vgg.width))
            network = BiLSTM(features=units, hidden=group.hidden, classes=LABELS, dropout=group.dropout)
            features = np.random.default_rng(0).random((CLIPS, 2, group.time_steps, units), np.float32)
            keys = [clip.key for clip in clips]
            batches = SequenceBatches(features, [clip.label for clip in clips], keys, on_device=on_device, **common)
        else:
            start = start_vgg if name == "vgg" else start_c3d
            network, preprocessing = start(
                width=group.width, input_size=group.input_size, classes=LABELS, batch_norm=group.batch_norm,
                dropout=group.dropout, pretrained=None, seed=0,
            )  # fmt: skip
            if name == "vgg":
                batches = FrameBatches(
                    None, [], np.zeros(0, int), clips, preprocessing, image_share=None, on_device=on_device, **common
                )
            else:
                batches = WindowBatches(clips, preprocessing, window=group.window, on_device=on_device, **common)
        held = InMemory(batches, hardware.device)
        pairs = [
            (speed(network, batches, group, hardware, iterations), speed(network, held, group, hardware, iterations))
            for _ in range(rounds)
        ]
        stored, memory = (
            {key: statistics.median(pair[n][key] for pair in pairs) for key in pairs[0][n]} for n in (0, 1)
        )
        ratio = statistics.median(one["items_per_second"] / other["items_per_second"] for one, other in pairs)
        rows.append(
            [
                f"{name} training", f"{stored['items_per_second']:.1f}", f"{memory['items_per_second']:.1f}",
                f"{ratio:.2f}", f"{stored['data_wait']:.1%}", f"{stored['mfu']:.1%}",
            ]
        )  # fmt: skip
    return rows


def forward_rows(settings: Settings, hardware: Hardware, clips: list[FaceClip]) -> list[list[str]]:
    """A row for VGG and for C3D: as served, plain eager float32, the ratio, and how far the answers are apart."""
    rows = []
    arguments: dict[str, Any] = {"classes": LABELS, "pretrained": None, "seed": 0}
    group = settings.vgg
    vgg, preprocessing = start_vgg(
        width=group.width, input_size=group.input_size, batch_norm=group.batch_norm, dropout=group.dropout, **arguments
    )
    pictures = np.stack([clips[0].faces[frame] for frame in range(64)])
    scorer = VggMember(
        vgg, preprocessing, hardware, labels=("",) * LABELS, frames_per_clip=group.frames_per_clip, mirror=group.mirror
    )
    inputs = torch.randn(64, 3, group.input_size, group.input_size, device=hardware.device)
    cases: list[tuple[str, Any, Any, Tensor]] = [("vgg", vgg, scorer.network, inputs)]
    third = settings.c3d
    c3d, _ = start_c3d(
        width=third.width, input_size=third.input_size, batch_norm=third.batch_norm, dropout=third.dropout, **arguments
    )
    windows = torch.randn(4, 3, 16, third.input_size, third.input_size, device=hardware.device)
    cases.append(("c3d", c3d, ready(c3d, hardware), windows))
    for name, plain, served, item in cases:
        plain = plain.to(hardware.device).eval()
        plain_format = torch.channels_last if item.ndim == 4 else torch.channels_last_3d

        def as_served(network: Any = served, item: Tensor = item, layout: Any = plain_format) -> Tensor:
            with torch.inference_mode(), hardware.autocast():
                return network(item.contiguous(memory_format=layout)).float().softmax(1)

        def eager(network: Any = plain, item: Tensor = item) -> Tensor:
            with torch.no_grad():
                return network(item).softmax(1)

        for convolution in plain.modules():  # undo the layout that it may share with the served one
            if hasattr(convolution, "weight"):
                convolution.weight.data = convolution.weight.data.contiguous()
        apart = float((as_served() - eager().detach()).abs().max())
        pairs = [
            (forward_speed(as_served, len(item), hardware), forward_speed(eager, len(item), hardware))
            for _ in range(ROUNDS)
        ]
        quick, slow = (statistics.median(pair[n] for pair in pairs) for n in (0, 1))
        ratio = statistics.median(one / other for one, other in pairs)
        rows.append([f"{name} forward", f"{quick:.1f}", f"{slow:.1f}", f"{ratio:.2f}", f"{apart:.0e}"])
    whole = forward_speed(lambda: scorer.look(pictures, mirrored=False), len(pictures), hardware)
    rows.append(["vgg, 64 stored frames to fc6 and probabilities", f"{whole:.1f}", "", "", ""])
    return rows


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table."""
    lines = [header, ["---"] + ["---:"] * (len(header) - 1), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def surroundings(hardware: Hardware, preset: str) -> list[str]:
    """When, where and with what was measured."""
    device = torch.cuda.get_device_name() if hardware.device.type == "cuda" else "processor"
    return [
        *header(
            "Training loop and forward passes", "torch",
            more=f"{torch.get_num_threads()} threads, load {os.getloadavg()[0]:.1f} at the end",
        ),
        f"Preset `{preset}` on the {device}, {str(hardware.dtype).removeprefix('torch.')}, peak "
        f"{hardware.peak / 1e9:.0f} GFLOP/s. Warm-up of {WARM_UP} iterations, then the median, and the median ratio of "
        f"{ROUNDS} turns.", "",
    ]  # fmt: skip


def main() -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--preset", default="small")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--iterations", type=int, default=20)
    parser.add_argument("--rounds", type=int, default=ROUNDS, help="turns of what is compared")
    parser.add_argument("--networks", nargs="+", default=NETWORKS, choices=NETWORKS, help="whose training is measured")
    parser.add_argument("--training-only", action="store_true", help="leave out the forward passes")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE")
    add_out(parser)
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.WARNING)
    settings = load_settings(arguments.preset, arguments.set)
    hardware = Hardware.choose(arguments.device, settings.precision, settings.compile)
    with tempfile.TemporaryDirectory() as folder:
        clips = stored_clips(Path(folder), settings)
        training = table(
            ["", "stored, items/s", "in memory, items/s", "ratio", "waiting for data", "FLOPs utilisation"],
            training_rows(settings, hardware, clips, arguments.iterations, arguments.rounds, arguments.networks),
        )
        forward = (
            ""
            if arguments.training_only
            else table(
                ["", "as served, items/s", "plain eager float32, items/s", "ratio", "largest difference"],
                forward_rows(settings, hardware, clips),
            )
        )
    text = "\n".join([*surroundings(hardware, arguments.preset), training, "", forward, ""])
    name = f"{datetime.date.today().isoformat()}-train-{arguments.preset}-{hardware.device.type}.md"
    publish(text, arguments.out, name)


if __name__ == "__main__":
    main()
