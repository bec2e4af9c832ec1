"""Of several faces in a picture the surest is first, each time, whatever OpenCV's threads do."""

from __future__ import annotations

import numpy as np
from skimage import data

from affekt.media.arrays import clip_of_arrays
from affekt.media.decode import decode
from affekt.media.detectors.haar import Haar
from affekt.media.view import View
from affekt.settings import load_settings


def test_faces_come_in_the_same_order_each_time():
    settings = load_settings("small").media
    face = np.asarray(data.astronaut())[:240, 100:340]
    picture = np.full((480, 960, 3), 110, np.uint8)
    for number, size in enumerate((240, 160, 120, 200)):
        rows = np.linspace(0, 239, size).astype(int)
        picture[:size, 240 * number : 240 * number + size] = face[rows][:, rows]
    with clip_of_arrays(picture[None], 25) as path:
        frames = decode(path, settings).frames
    detector = Haar()
    found = [detector.search(View(frames, 0, 480)) for _ in range(20)]
    assert len(found[0]) == 4
    assert all(each == found[0] for each in found)
    assert [face.score for face in found[0]] == sorted((face.score for face in found[0]), reverse=True)
