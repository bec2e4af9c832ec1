"""Face boxes with a detection every so many frames, beside each other and beside another detector.

    python bench/face_boxes.py CLIPS… --weights YUNET [--every 5 10] [--clips 168] [--out docs/benchmarks]

CLIPS are folders with clips. Each clip is decoded once and searched by the preset's detector at each distance, and by
YuNet on every second frame, which has no part in the choice. Overlaps are of frames in which both see a face.
"""

from __future__ import annotations

import argparse
import dataclasses
import time
from pathlib import Path

import cv2
import numpy as np
from prepare import find_clips
from record import add_out, header, publish

from affekt.media.decode import decode
from affekt.media.faces import Faces, find_faces
from affekt.settings import MediaSettings, load_settings

YUNET = "YuNet on every second frame"
Found = list[tuple[Faces, float]]


def overlaps(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Intersection over union of boxes ``[N, 4]`` (left, top, width, height), row by row."""
    ends = np.minimum(first[:, :2] + first[:, 2:], second[:, :2] + second[:, 2:])
    both = np.clip(ends - np.maximum(first[:, :2], second[:, :2]), 0, None).prod(axis=1)
    shared: np.ndarray = both / (first[:, 2:].prod(axis=1) + second[:, 2:].prod(axis=1) - both)
    return shared


def compared(ours: Found, others: Found) -> str:
    """Mean and 5th percentile of the overlap, and the frames where only one of the two sees a face."""
    pairs = [(one, other) for (one, _), (other, _) in zip(ours, others, strict=True)]
    shared = [
        overlaps(one.boxes[both], other.boxes[both])
        for one, other in pairs
        if (both := one.present & other.present).any()
    ]
    apart = sum(int((one.present != other.present).sum()) for one, other in pairs)
    values = np.concatenate(shared)
    return f"{values.mean():.3f} | {np.percentile(values, 5):.3f} | {apart}"


def measured(folder: Path, ways: dict[str, MediaSettings], clips: int) -> list[str]:
    """The part of the report on one folder."""
    found: dict[str, Found] = {name: [] for name in ways}
    files = find_clips(folder, clips)
    for path in files:
        frames = decode(path, next(iter(ways.values()))).frames
        for name, settings in ways.items():
            started = time.process_time()
            faces = find_faces(frames, settings)
            found[name].append((faces, time.process_time() - started))
    first = next(iter(ways))
    lines = [
        "",
        f"## {len(files)} clips of `{folder.name}`, {sum(len(faces.present) for faces, _ in found[first])} frames",
        "",
        f"| | CPU a clip, ms | frames with a face | overlap with {first} | 5th percentile | only one of the two | "
        "overlap with YuNet | 5th percentile | only one of the two |",
        "|---|---:|---:|---:|---:|---:|---:|---:|---:|",
    ]
    for name, seen in found.items():
        cost = 1000 * float(np.mean([seconds for _, seconds in seen]))
        present = sum(int(faces.present.sum()) for faces, _ in seen)
        beside = f"{compared(seen, found[first])} | {compared(seen, found[YUNET])}"
        lines.append(f"| {name} | {cost:.0f} | {present} | {beside} |")
    return lines


def main() -> None:
    """Search every clip in every way and write the report."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("folders", type=Path, nargs="+")
    parser.add_argument("--weights", type=Path, required=True, help="YuNet's weights")
    parser.add_argument("--every", type=int, nargs="+", default=[5, 10])
    parser.add_argument("--clips", type=int, default=168)
    parser.add_argument("--preset", default="small")
    add_out(parser)
    arguments = parser.parse_args()
    cv2.setNumThreads(1)
    media = dataclasses.replace(load_settings(arguments.preset).media, max_seconds=600.0, timeout_seconds=600.0)
    ways = {f"every {every} frames": dataclasses.replace(media, detect_every=every) for every in arguments.every}
    ways[YUNET] = dataclasses.replace(media, detect_every=2, detector="yunet", detector_model=str(arguments.weights))
    lines = [
        *header("Face boxes by the distance of detections", "opencv-python-headless"),
        f"Preset `{arguments.preset}`, detector `{media.detector}`, one thread. CPU is that of finding the face, "
        "without decoding and without cutting it out.",
    ]
    for folder in arguments.folders:
        lines += measured(folder, ways, arguments.clips)
    publish("\n".join([*lines, ""]), arguments.out, "face-boxes.md")


if __name__ == "__main__":
    main()
