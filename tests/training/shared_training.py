"""A program for torchrun, and for a test by itself: train tiny networks on noise and keep their weights.

Usage: shared_training.py FOLDER CASES [stop]; with ``stop`` the first process says so at iteration 5, and waits.
"""

from __future__ import annotations

import dataclasses
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import save_file

from affekt.models.bilstm.network import BiLSTM
from affekt.models.c3d.network import C3D
from affekt.models.hardware import Hardware
from affekt.models.preprocessing import Preprocessing
from affekt.models.vgg.network import VGG16, initialise
from affekt.settings import load_settings
from affekt.training import loop
from affekt.training.checkpoints import Checkpoints, Stage
from affekt.training.distributed import joined
from affekt.training.picture_batches import FaceClip, FrameBatches, StillBatches, WindowBatches
from affekt.training.sequence_batches import SequenceBatches

CASES = ("vgg", "vgg_normalised", "c3d", "c3d_stills", "bilstm")
SETTINGS = load_settings("paper")


def case(name: str) -> tuple[Any, Any, Any]:
    """Network, batches and schedule."""
    torch.manual_seed(0)
    rng = np.random.default_rng(0)
    labels = [n % 2 for n in range(40)]
    # Normalised by few items and at high rates, rounding errors grow tenfold in a few iterations.
    schedule: dict[str, Any] = {"batch_size": 16, "micro_batch": 4, "iterations": 8, "learning_rate": 1e-3, "warmup": 2}
    if name.startswith("vgg"):
        normalised = name == "vgg_normalised"
        group: Any = dataclasses.replace(SETTINGS.vgg, **schedule)
        network: Any = VGG16(
            width=0.02, input_size=32, classes=2, batch_norm=normalised, dropout=0.5 if normalised else 0.0
        )
        images = rng.integers(0, 255, (40, 32, 32, 3), dtype=np.uint8)
        batches: Any = FrameBatches(
            images, labels, np.arange(40), [], Preprocessing(32), stage="base", seed=0, batch_size=16, image_share=1.0,
            balanced=False,
        )  # fmt: skip
    elif name == "c3d_stills":
        group = dataclasses.replace(SETTINGS.c3d, **schedule)
        network = C3D(width=0.02, input_size=16, classes=2, batch_norm=True, dropout=0.5)
        images = rng.integers(0, 255, (40, 24, 24, 3), dtype=np.uint8)
        batches = StillBatches(
            images, labels, np.arange(40), Preprocessing(16), window=1, stage="base", seed=0, batch_size=16,
            balanced=False,
        )  # fmt: skip
    elif name == "c3d":
        group = dataclasses.replace(SETTINGS.c3d, **schedule)
        network = C3D(width=0.02, input_size=16, classes=2, batch_norm=True, dropout=0.5)
        clips = [
            FaceClip(str(n), rng.integers(0, 255, (20, 16, 16, 3), dtype=np.uint8), np.arange(20), n % 2)
            for n in range(10)
        ]
        batches = WindowBatches(
            clips, Preprocessing(16), window=16, stage="final", seed=0, batch_size=16, balanced=False
        )
    else:
        group = dataclasses.replace(SETTINGS.bilstm, **schedule)
        network = BiLSTM(features=12, hidden=6, classes=2, dropout=0.5)
        features = rng.normal(size=(40, 2, 8, 12)).astype(np.float32)
        network.standardise_by(torch.from_numpy(features))
        keys = [str(n) for n in range(40)]
        batches = SequenceBatches(features, labels, keys, stage="final", seed=0, batch_size=16, balanced=False)
    if name != "bilstm":
        initialise(network)
    return network, batches, group


def train(name: str, folder: Path, log: loop.Log | None = None) -> dict[str, torch.Tensor]:
    """The state of a trained case; its checkpoints lie below the folder."""
    network, batches, group = case(name)
    stage = Stage(name, "base", 0, Checkpoints(folder / "checkpoints"))
    loop.train(network, batches, group, stage, Hardware(torch.device("cpu"), torch.float32), log)
    return dict(network.state_dict())


def main() -> None:
    folder, cases, *stop = sys.argv[1:]
    loop.CHECKPOINT_EVERY = 0.0

    def wait(metrics: Mapping[str, float], step: int) -> None:
        if stop and step == 5:
            print("waiting", flush=True)
            time.sleep(60)

    with joined("cpu") as world:
        for name in cases.split(","):
            state = train(name, Path(folder), wait)
            save_file({key: value.contiguous() for key, value in state.items()}, Path(folder, f"{name}-{world.rank}"))


if __name__ == "__main__":
    main()
