"""What is new to a champion, told by contents: clips, people, labels, and what nobody labelled."""

from __future__ import annotations

import csv
import json
import shutil
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from affekt.dataset import LABELS
from affekt.dataset.several import joined, names_beside
from affekt.ensemble import Learned
from affekt.ensemble.records import REFERENCE, put_records, write_table
from affekt.media import PreparedIndex
from affekt.media.prepared import PreparedRow
from affekt.registry import Tracking, list_models, promote, register, resolve
from affekt.registry.models import digest_of
from affekt.settings import load_settings
from affekt.steps.news import find_news, keep_news
from affekt.steps.when import When
from affekt.storage import file_digest
from affekt.store.entries import content_name

#: With the number that a training has in place of what the presets leave to the weights that are here.
SETTINGS = load_settings("small", ["media.wide_size=0"])
TWENTY = When(new_clips=20)


class Clips:
    """A folder of files with a manifest; contents are what counts, so they are no media."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.rows: list[dict[str, str]] = []
        folder.mkdir()
        for number in range(12):
            self.add(
                f"c{number}", label=LABELS[number % 3], subject=f"s{number % 4}", split=("train", "val")[number % 2]
            )

    def add(self, name: str, *, label: str, subject: str, split: str = "train") -> None:
        (self.folder / f"{name}.wav").write_text(name)
        self.rows.append({"path": f"{name}.wav", "label": label, "subject": subject, "split": split})
        self.write()

    def write(self) -> None:
        with (self.folder / "manifest.csv").open("w", newline="") as file:
            writer = csv.DictWriter(file, ["path", "label", "subject", "split"])
            writer.writeheader()
            writer.writerows(self.rows)

    def learned(self, unusable: tuple[str, ...] = ()) -> Learned:
        """What a training on all of them, alone, would say."""
        index = [
            PreparedRow(row["path"], row["label"], row["subject"], row["split"], f"{self.content(row)}-x", 1, 1, True)
            for row in self.rows
            if row["path"] not in unusable
        ]
        lost = tuple(self.content(row) for row in self.rows if row["path"] in unusable)
        return Learned.of(PreparedIndex(tuple(index), unusable=lost), names_beside(str(self.folder)))

    def content(self, row: dict[str, str]) -> str:
        return content_name(file_digest(self.folder / row["path"]))


@pytest.fixture
def clips(tmp_path) -> Clips:
    return Clips(tmp_path / "clips")


@pytest.fixture
def tracking(tmp_path, empty_database) -> Tracking:
    shutil.copyfile(empty_database, tmp_path / "mlflow.db")
    return Tracking(f"sqlite:///{tmp_path / 'mlflow.db'}", home=tmp_path / "home")


def registered(
    tracking: Tracking, folder: Path, learned: Learned, *, champion: bool = True, reference: list[dict] | None = None
) -> None:
    folder.mkdir()
    if reference:
        (folder / REFERENCE).write_bytes(write_table(reference))
    learned.write(folder)
    (folder / "ensemble.json").write_text(json.dumps({"format": 1, "settings": SETTINGS.to_dict(), "at": folder.name}))
    version = register(tracking, folder, name="affekt", run_id=tracking.start_parent("weekly"))
    if champion:
        promote(f"affekt/{version}", tracking)


def news(clips: Clips, tracking: Tracking, when: When = TWENTY, settings=SETTINGS):
    store = str(clips.folder.parent / "store")
    return find_news(str(clips.folder), "affekt", settings, when, store=store, tracking=tracking)


def test_without_a_champion_a_training_is_worth_while(clips, tracking):
    assert news(clips, tracking).why == ("there is no champion",)


def test_a_file_that_two_data_sets_list_and_a_copy_of_it_are_one_new_clip(clips, tracking, tmp_path):
    registered(tracking, tmp_path / "first", clips.learned())
    clips.add("new", label="sad", subject="n1")
    (clips.folder / "copy.wav").write_text("new")
    lines = ["path,label,subject,split", "new.wav,sad,n1,train", "copy.wav,sad,n1,train"]
    (clips.folder / "few.csv").write_text("\n".join(lines), encoding="utf-8")
    together = joined([str(clips.folder), str(clips.folder / "few.csv")])
    found = find_news(together, "affekt", SETTINGS, TWENTY, store=str(tmp_path / "store"), tracking=tracking)
    assert (found.clips, found.new_clips) == (14, 1)  # the copy is a further file, and nothing new


def test_what_changes_is_counted_by_content_and_label_and_decides(clips, tracking, tmp_path):
    registered(tracking, tmp_path / "first", clips.learned(unusable=("c2.wav",)))
    # The same files, one of which nobody can use: nothing is new.
    found = news(clips, tracking)
    assert (found.champion, found.new_clips, found.removed, found.why) == ("affekt/1", 0, 0, ())
    # A copy under another name, further clips to evaluate on, and files without a label are nothing to learn.
    clips.add("held-out", label="happy", subject="v1", split="val")
    clips.add("unlabelled", label="", subject="n1")
    (clips.folder / "copy.wav").write_text("c0")
    clips.rows.append({"path": "copy.wav", "label": clips.rows[0]["label"], "subject": "s0", "split": "train"})
    clips.write()
    (clips.folder / "unlisted.wav").write_text("unlisted")
    found = news(clips, tracking)
    assert (found.new_clips, found.unlabelled, found.worth_while) == (0, 2, False)
    assert "2 have no label" in found.sentence(TWENTY)
    # A new person, another label, a clip that is gone.
    clips.add("new", label="sad", subject="n2")
    clips.rows[0]["label"] = "fear"
    del clips.rows[4]
    clips.write()
    found = news(clips, tracking)
    assert (found.new_clips, found.new_subjects, found.removed) == (2, 1, 1)
    assert not found.worth_while
    assert news(clips, tracking, When(new_clips=2)).why == ("2 new clips",)
    assert news(clips, tracking, When(new_subjects=1)).why == ("1 new subject",)
    assert news(clips, tracking, settings=load_settings("small", ["media.wide_size=0", "seed=1"])).why == (
        "settings changed (seed)",
    )
    # Another version learned from all of it, and the gate refused it: the same again would change nothing.
    registered(tracking, tmp_path / "second", clips.learned(), champion=False)
    found = news(clips, tracking, When(new_clips=1))
    assert (found.new_clips, found.tried, found.worth_while) == (0, 2, False)
    # It did not: its training ended before the gate.
    run_id = list_models(tracking, "affekt")[0].run_id
    tracking.finish(run_id, "KILLED")
    found = news(clips, tracking, When(new_clips=1))
    assert (found.new_clips, found.tried, found.worth_while) == (2, 0, True)
    tracking.client.set_tag(run_id, "affekt.promoted", "False")
    assert not news(clips, tracking, When(new_clips=1)).worth_while


def test_people_are_not_new_because_another_data_set_stands_beside_theirs(clips, tracking, tmp_path):
    registered(tracking, tmp_path / "first", clips.learned())
    clips.add("more", label="sad", subject="s0")
    other = Clips(tmp_path / "others")
    for row in other.rows:
        (other.folder / row["path"]).write_text("other " + row["path"])
    data = joined([str(clips.folder), str(other.folder)])
    found = find_news(data, "affekt", SETTINGS, TWENTY, store=str(tmp_path / "store"), tracking=tracking)
    assert found.new_clips == 1 + 6  # of the split train
    assert found.new_subjects == 2


def test_clips_that_are_not_learned_from_any_more_are_not_called_gone(clips, tracking, tmp_path):
    registered(tracking, tmp_path / "first", clips.learned())
    for row in clips.rows:
        row["split"] = "val" if row["subject"] == "s0" else row["split"]
    clips.write()
    found = news(clips, tracking)
    assert (found.new_clips, found.removed) == (0, 3)
    assert "3 that the champion learned from are not in the split train any more" in found.sentence(TWENTY)


def test_with_drift_one_new_clip_is_enough_and_none_is_not(clips, tracking, tmp_path):
    def asked(pitch: float) -> list[dict]:
        chance = np.random.default_rng(int(pitch))
        labels = {"probability.happy": 0.5, "probability.sad": 0.5}
        return [{"voice.pitch": float(value), **labels} for value in chance.normal(pitch, 1, 60)]

    registered(tracking, tmp_path / "first", clips.learned(), reference=asked(0))
    records = str(tmp_path / "records")
    when = When(new_clips=20, drift=records)
    assert "drift cannot be told" in news(clips, tracking, when).sentence(when)
    digest = digest_of(resolve("affekt", tracking))
    now = datetime.now(UTC)
    put_records(records, [{"time": now, "model": digest, **row} for row in asked(3)], most_bytes=1 << 20)
    found = news(clips, tracking, when)
    assert (found.worth_while, "the clips are others" in found.drift) == (False, True)
    clips.add("new", label="sad", subject="s0")
    assert news(clips, tracking, when).why == ("drift",)


def test_that_there_was_nothing_to_do_is_a_finished_run(clips, tracking, tmp_path):
    registered(tracking, tmp_path / "first", clips.learned())
    run = tracking.client.get_run(keep_news(news(clips, tracking), TWENTY, "affekt", str(clips.folder), tracking))
    assert run.info.status == "FINISHED"
    assert run.info.run_name.endswith("nothing to do")
    assert run.data.tags["affekt.kind"] == "nothing_to_do"
    assert run.data.tags["affekt.why"].startswith("nothing to do for affekt/1: 0 of 12 labelled clips new")
    assert run.data.metrics["new_clips"] == 0
