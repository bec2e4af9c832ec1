"""``affekt demo``: the whole system on sample clips, from the first frame to a served answer."""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

from affekt import events
from affekt.dataset import load_clips
from affekt.extensions import model_names
from affekt.home import home
from affekt.pipelines.cli.predict import line
from affekt.pipelines.cli.steps import StepLines
from affekt.pipelines.cli.train import summarise
from affekt.pipelines.job import TrainingJob
from affekt.pipelines.run import run_training
from affekt.pipelines.wide_pictures import with_wide_pictures
from affekt.registry import Tracking, resolve
from affekt.samples.write import write_sample_faces, write_samples
from affekt.serving.client import predict
from affekt.serving.server import LocalServer
from affekt.settings import load_settings

#: What makes the small preset end within minutes on the sample clips; they are easy, and nobody quotes the figures.
SETTINGS = (
    "vgg.base_iterations=120",
    "vgg.iterations=40",
    "c3d.base_iterations=100",
    "c3d.iterations=15",
    "bilstm.iterations=120",
    "random_forest.min_samples_split=4",  # the paper's 28 are as many as there are training clips
)
NAME = "affekt-demo"


def main(options: argparse.Namespace) -> int:
    """Sample clips, pipeline, registry, TorchServe, an answer."""
    started = time.monotonic()
    steps = StepLines()
    folder = home() / "demo" / f"{options.clips_per_label}-per-label"
    clips, faces = folder / "clips", folder / "faces"
    if not (clips / "manifest.csv").is_file():
        began = time.monotonic()
        write_samples(clips, clips_per_label=options.clips_per_label)
        write_sample_faces(faces, per_label=40)
        steps(events.Done(time.monotonic() - began, step="samples"))
    settings = with_wide_pictures(load_settings("small", SETTINGS), model_names())
    job = TrainingJob(data=str(clips), faces=str(faces), settings=settings, name=NAME)
    outcome = run_training(job, say=steps)

    began = time.monotonic()
    unseen = next(clip for clip in load_clips(str(clips)) if clip.split == "val")
    with LocalServer(resolve(f"{NAME}@champion", Tracking()), workers=1) as server:
        answer = predict(server.url, Path(unseen.uri))
    steps(events.Done(time.monotonic() - began, step="serving"))

    print(file=sys.stderr)
    print(f"asked TorchServe about {unseen.uri}, a clip of a person that no model was trained on:")
    print(f"  {line({'file': Path(unseen.uri).name, **answer})}")
    print(f"  it was played as {unseen.label}\n")
    summarise(outcome)
    print(
        f"\nThese are animated sample clips: no figure above is an accuracy. "
        f"The whole took {time.monotonic() - started:.0f} s."
    )
    print(f"Try it on a page: affekt serve --model {NAME}@champion, then open http://127.0.0.1:8080/")
    print("Next: affekt train DATA --faces FACES   (see README.md for what DATA may be)")
    return 0
