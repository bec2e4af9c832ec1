"""fc6 activations of clips by a trained VGG: worked out once in a run, whichever of the VGG's readers comes first."""

from __future__ import annotations

import contextlib
import hashlib
import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from affekt.extensions import model_specs
from affekt.home import SHARED
from affekt.media.prepared import PreparedClip
from affekt.models.vgg.member import VggMember
from affekt.training.face_clips import FaceClips

#: Bytes that one process leaves for others; what comes behind is worked out by each.
MOST_BYTES = 4 << 30


class Fc6:
    """The fc6 activations of clips by one VGG.

    Args:
        vgg: the trained VGG.
        clips: by row number.
        steps: in how many steps of time.
        root: where processes of one run find what others have worked out; by default the folder that
            ``AFFEKT_SHARED`` names, without which nothing is left for others.

    Attributes:
        mirror: whether answers take the mirror image, too.
    """

    def __init__(self, vgg: VggMember, clips: FaceClips, steps: int, root: Path | None = None) -> None:
        self._vgg, self._clips, self._steps = vgg, clips, steps
        root = root or (Path(os.environ[SHARED]) if os.environ.get(SHARED) else None)
        known = hashlib.sha256(f"{vgg.sha256} {vgg.hardware.device.type} {vgg.hardware.kind} {steps}".encode())
        self._folder = root / "fc6" / known.hexdigest()[:16] if root and vgg.sha256 else None
        self._left = MOST_BYTES
        self.mirror = vgg.mirror

    def of(self, row: int, clip: PreparedClip, *, mirrored: bool) -> np.ndarray | None:
        """float32 ``[V, steps, F]``: the clip as it is, and mirrored where that is asked for; None without a face."""
        if self._folder is None:
            return self._vgg.sequence(clip, self._steps, mirrored=mirrored)
        path = self._folder / f"{self._clips.key(row)}-{1 + mirrored}.npy"
        with contextlib.suppress(OSError, ValueError, EOFError):
            # As it lies in memory after a pass through the VGG: rounding follows an array's strides.
            return np.asarray(np.load(path, allow_pickle=False)).swapaxes(0, 1)
        found = self._vgg.sequence(clip, self._steps, mirrored=mirrored)
        if found is not None and found.nbytes <= self._left:
            self._leave(path, found.swapaxes(0, 1))
        return found

    def in_turn(self, rows: Sequence[int] | np.ndarray, reader: str) -> list[int]:
        """The places of rows in the order in which a reader takes them.

        Of two that run side by side one begins at the end, so that they meet in the middle.
        """
        readers = [name for name, spec in model_specs().items() if self._vgg.name in spec.needs]
        backwards = reader in readers and readers.index(reader) % 2
        return list(reversed(range(len(rows)))) if backwards else list(range(len(rows)))

    def _leave(self, path: Path, found: np.ndarray) -> None:
        part = path.with_name(f"{path.name}.{os.getpid()}")
        with contextlib.suppress(OSError):  # a full disk costs time, and no answer
            path.parent.mkdir(parents=True, exist_ok=True)
            with part.open("wb") as file:
                np.save(file, found, allow_pickle=False)
            part.replace(path)
            self._left -= found.nbytes
