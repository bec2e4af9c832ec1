"""Files that are gone are no files to which a champion has no answer: it would be held for wrong on all of them."""

from __future__ import annotations

import shutil

import numpy as np
import pytest

from affekt.dataset import load_clips, read_faces
from affekt.ensemble import Clips, Ensemble
from affekt.ensemble.still_images import StillImages
from affekt.errors import DataError


@pytest.mark.parametrize("all_of_them", [True, False])
def test_clips_that_are_gone_end_a_comparison(tiny_ensemble, tiny_run, sample_clips, tmp_path, all_of_them):
    data = shutil.copytree(sample_clips, tmp_path / "clips")
    table = load_clips(str(data))
    val = [clip for clip in table if clip.split == "val"]
    material, names = Clips(table, tiny_run.store), [clip.id for clip in val]
    ensemble = Ensemble.load(tiny_ensemble)
    assert not np.isnan(material.answers(ensemble, names)).any()
    if all_of_them:
        shutil.rmtree(data)
    else:
        (data / val[2].id).unlink()
    with pytest.raises(DataError, match=f"{len(val) if all_of_them else 1} of 7 clips are not there") as told:
        material.answers(ensemble, names)
    assert (told.value.code, told.value.where) == ("missing", names[0 if all_of_them else 2])


def test_images_that_are_gone_end_a_comparison(tiny_ensemble, sample_faces, tmp_path):
    images = read_faces(str(shutil.copytree(sample_faces, tmp_path / "faces")))
    names = [image.id for image in images[:3]]
    ensemble = Ensemble.load(tiny_ensemble)
    material = StillImages({image.id: image for image in images})
    assert not np.isnan(material.answers(ensemble, names)).any()
    (tmp_path / "faces" / names[1]).unlink()
    with pytest.raises(DataError, match="1 of 3 images are not there any more") as told:
        material.answers(ensemble, names)
    assert (told.value.code, told.value.where) == ("missing", names[1])
    with pytest.raises(DataError, match="1 of 3 images are not there any more"):
        StillImages({image.id: image for image in images[1:]}).answers(ensemble, [names[0], images[3].id, images[4].id])
