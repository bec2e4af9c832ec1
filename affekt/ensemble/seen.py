"""What the members of an ensemble see in a clip, without its pictures: many clips of a person fit into memory so."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

from affekt.ensemble.face import Face

#: What flags of a prepared clip mean to whoever asked.
WARNINGS = {
    "no_face": "no face was found: answered from the voice alone",
    "undecoded_video": "the file holds a picture that cannot be decoded: answered from the voice alone",
    "no_sound": "there is no sound: answered from the face alone",
    "silent": "the sound is silent: answered from the face alone",
    "short_sound": "the sound is very short",
    "no_voice": "the sound holds no voice (noise, music or tones): answered from the face alone",
    "one_channel": "one channel of the sound alone holds a voice: it was heard",
    "several_voices": "the channels of the sound hold different voices: all were heard as one",
    "other_sound": "the sound marked as default holds no voice: another one that does was heard",
    "several_sounds": "the file holds several sounds: the default one was heard",
    "several_videos": "the file holds several pictures: the default one that moves was seen",
    "truncated": "the file is truncated: answered from its readable part",
    "black_frames": "some frames are black",
}


@dataclass(frozen=True)
class Seen:
    """What is kept of a clip for its answer.

    Attributes:
        where: what an error calls the clip.
        scores: float64 ``[M, L]``, each member's probabilities; NaN where it has none.
        frames: decoded frames.
        frames_with_face: those in which the person's face was found.
        flags: of the prepared clip.
        face: the analysed face.
        pixels: of a picture of the source.
        rows: of members that adapt a person's clips to each other, the features float64 ``[F]`` by which they do.
        distances: of members that say so, how far the clip lies from what they learned from.
        picture: the analysed face, uint8 ``[S, S, 3]`` RGB, where that was asked for.
    """

    where: str
    scores: np.ndarray
    frames: int
    frames_with_face: int
    flags: tuple[str, ...]
    face: Face | None
    pixels: int
    rows: Mapping[str, np.ndarray] = field(default_factory=dict)
    distances: Mapping[str, float] = field(default_factory=dict)
    picture: np.ndarray | None = None

    def distances_of(self, models: Sequence[str]) -> np.ndarray:
        """Float64 ``[M]``: the distance that each model tells; NaN where it tells none."""
        return np.array([self.distances.get(name, np.nan) for name in models])

    def to_dict(self) -> dict[str, Any]:
        """As plain JSON values; no bit of a score is lost."""
        return {
            **vars(self),
            "scores": [None if np.isnan(row).any() else row.tolist() for row in self.scores],
            "labels": self.scores.shape[1],
            "flags": list(self.flags),
            "face": asdict(self.face) if self.face else None,
            "rows": {name: base64.b64encode(row.tobytes()).decode() for name, row in self.rows.items()},
            "picture": None if self.picture is None else base64.b64encode(self.picture.tobytes()).decode(),
        }

    @classmethod
    def from_dict(cls, document: Mapping[str, Any]) -> Seen:
        """What :meth:`to_dict` gave."""
        missing = [float("nan")] * document["labels"]
        face = document["face"]
        if face:
            spans = tuple((first, last) for first, last in face["seconds"])
            face = Face(**{**face, "box": tuple(face["box"]), "seconds": spans})
        scores = np.array([missing if row is None else row for row in document["scores"]], dtype=float)
        known = {name: document[name] for name in ("where", "frames", "frames_with_face", "pixels", "distances")}
        picture = document["picture"]
        if picture is not None:
            pixels = np.frombuffer(base64.b64decode(picture), np.uint8)
            side = int((len(pixels) // 3) ** 0.5)
            picture = pixels.reshape(side, side, 3)
        rows = {name: np.frombuffer(base64.b64decode(row), np.float64) for name, row in document["rows"].items()}
        return cls(scores=scores, rows=rows, flags=tuple(document["flags"]), face=face, picture=picture, **known)
