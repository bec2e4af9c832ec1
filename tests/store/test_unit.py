"""What a prepared index says it holds, and the store that it leads to."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from affekt.media import PreparedIndex
from affekt.store import Store, store_of


@pytest.mark.parametrize("unit", ["clips", "images"])
def test_an_index_is_read_with_its_unit_and_its_source(tmp_path: Path, tiny_run, unit) -> None:
    written = dataclasses.replace(PreparedIndex.read(tiny_run.prepared), unit=unit, source="s3://bucket/data")
    written.write(tmp_path)
    read = PreparedIndex.read(tmp_path)
    assert (read, read.unit, read.source, read.folder) == (written, unit, "s3://bucket/data", tmp_path)


def test_an_index_that_was_written_before_there_was_a_unit_is_of_clips(tmp_path: Path, tiny_run) -> None:
    PreparedIndex.read(tiny_run.prepared).write(tmp_path)
    (tmp_path / "unit.json").unlink()
    assert PreparedIndex.read(tmp_path) == PreparedIndex.read(tiny_run.prepared)


def test_clips_are_in_the_prepared_store(tiny_run, tiny_settings) -> None:
    index = PreparedIndex.read(tiny_run.prepared)
    store = store_of(index, str(tiny_run.store), tiny_settings.media)
    assert isinstance(store, Store)
    assert len(store.get(index.rows[0].key).faces) == index.rows[0].frames


def test_images_lie_beside_an_index_that_was_read_and_nowhere_else(tiny_run, tiny_settings) -> None:
    with pytest.raises(ValueError, match="beside it"):
        store_of(PreparedIndex((), unit="images"), str(tiny_run.store), tiny_settings.media)
