"""The report: what it holds, and that it stands alone."""

from __future__ import annotations

import re
import stat
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from shared_report import LABELS, MODELS, SETTINGS, evaluation, written

from affekt.fusion import FusionKey
from affekt.report.document import Ablation, AblationOutcome, Evaluation
from affekt.report.evaluation import evaluate_table
from affekt.report.figures import paired_differences
from affekt.report.paper_tables import audio_rows, fusion_rows, joint_rows, other_rows, visual_rows
from affekt.report.report import Decided
from affekt.report.thumbnails import thumbnail
from affekt.report.wording import summary
from affekt.score_table import ScoreTable
from affekt.statistics.differences import Difference, Differences
from affekt.steps.fit_fusion import papers_rows

WHOLE = Difference(60, 0.5, 0.53, 0.03, -0.1, 0.1)
PARTS = Differences({"angry": WHOLE, "sad": WHOLE}, {"anna": WHOLE}, 0.95, 1)


@pytest.fixture(scope="module")
def found() -> Evaluation:
    """The evaluation of the report :func:`page`."""
    return evaluation()


@pytest.fixture(scope="module")
def page(found: Evaluation, tmp_path_factory: pytest.TempPathFactory) -> str:
    """A report with everything in it."""
    folder = tmp_path_factory.mktemp("run")
    (folder / "history.csv").write_text("model,step,loss\nvgg,0,2\nvgg,1,1\n", encoding="utf-8")
    face = thumbnail(np.zeros((8, 8, 3), dtype=np.uint8))
    return written(
        folder,
        evaluation=found,
        history={"vgg": folder / "history.csv", "c3d": folder / "none.csv"},
        settings=SETTINGS.to_dict(),
        digests={"data": "12ab", "models": {"vgg": "34cd"}},
        title="<script>alert(1)</script>",
        faces={found.worst[0].clip: face},
        pictures={'"><i>': face},
        decision=Decided(False, ["no gain"], WHOLE, PARTS),
        notice="These are sample clips.",
        command="affekt train DATA --preset small",
    )


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A report with nothing but the evaluation of two models that the paper does not have."""
    return written(tmp_path_factory.mktemp("plain"), evaluation=evaluation(models=("convnet_mean", "audio")))


class Cells(HTMLParser):
    """The text of every table row."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.rows: list[list[str]] = []
        self._inside = False
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "tr":
            self.rows.append([])
        elif tag in ("td", "th") and self.rows:
            self.rows[-1].append("")
            self._inside = True

    def handle_endtag(self, tag: str) -> None:
        if tag in ("td", "th"):
            self._inside = False

    def handle_data(self, data: str) -> None:
        if self._inside:
            self.rows[-1][-1] += data.strip()

    def row(self, start: str) -> list[str]:
        return next(cells for cells in self.rows if cells and cells[0].startswith(start))


class Tags(HTMLParser):
    """Checks that tags are closed in the order in which they were opened."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in ("meta", "img", "br", "col"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_the_comparison_with_the_champion_is_drawn(page: str, plain: str) -> None:
    assert re.search(r'<img src="data:image/svg[^"]*" alt="Difference between challenger and champion', page)
    assert "Challenger against champion" not in plain
    drawn = paired_differences(WHOLE, PARTS)
    assert drawn.count(b"<path") > paired_differences(WHOLE, Differences({}, {}, 0.95, 1)).count(b"<path")


def test_it_is_well_formed(page: str, plain: str) -> None:
    assert Tags(page).open == []
    assert Tags(plain).open == []


def test_it_needs_no_network_no_script_and_no_other_file(page: str) -> None:
    assert not re.search(r"<script|<link|<iframe|@import|url\(", page)
    assert all(source.startswith("data:image/") for source in re.findall(r'src="([^"]*)', page))
    assert all(target.startswith("#") for target in re.findall(r'href="([^"]*)', page))


def test_every_link_has_a_target(page: str) -> None:
    for target in re.findall(r'href="#([^"]*)', page):
        assert f'id="{target}"' in page


def test_it_has_a_viewport_and_print_rules(page: str) -> None:
    assert '<meta name="viewport" content="width=device-width, initial-scale=1">' in page
    assert "@media print" in page


def test_tables_1_and_2_stand_beside_the_papers_figures(found: Evaluation, page: str) -> None:
    cells = Cells(page)
    for name, key, paper in [
        ("VGG", "vgg", "44.1"), ("Convolutional 3D", "c3d", "32.1"), ("VGG + Bi-LSTM", "bilstm", "51.9"),
        ("Random forest", "random_forest", "34.64"), ("Support vector", "svc", "39.64"),
    ]:  # fmt: skip
        row = cells.row(name)
        low, high = found.models[key].accuracy_ci95
        assert row[1] == f"{100 * found.models[key].accuracy:.1f}"
        assert row[2] == f"{100 * low:.1f} to {100 * high:.1f}"
        assert row[-1] == paper


def test_table_3_matches_a_fusion_by_its_method_and_models() -> None:
    fusion = evaluation(a="svm", b="svm@bilstm+random_forest+svc", c="maximum").fusion
    listed, further = fusion_rows(fusion)
    assert [(row.key, row.paper) for row in listed] == [
        ("svm", 47.3),
        ("", 50.13),
        ("", 41.78),
        ("svm@bilstm+random_forest+svc", 55.3),
        ("", 51.9),
    ]
    assert [row.key for row in further] == ["maximum"]


def test_a_row_of_table_3_stands_there_in_both_readings_of_what_it_fuses() -> None:
    models = ("vgg", "bilstm", "random_forest", "svc")
    fusion = evaluation(models, a="average", b="average@bilstm+random_forest+svc").fusion
    alone, beside = fusion_rows(fusion)[0][1:3]
    assert (alone.key, beside.key) == ("average@bilstm+random_forest+svc", "average")
    assert (alone.paper, beside.paper) == (50.13, 50.13)
    assert (alone.detail, beside.detail) == ("VGG + Bi-LSTM, forest, SVC", "VGG, VGG + Bi-LSTM, forest, SVC")
    average = FusionKey("average")
    assert [row.key for row in fusion_rows({average: fusion[average]})[0][:3]] == ["", "average", ""]
    of_the_paper = ("vgg", "c3d", "bilstm", "random_forest", "svc")
    assert {(key.method, key.models) for key in papers_rows()} >= {
        ("svm", of_the_paper), ("svm", of_the_paper[1:]), ("svm", models), ("svm", models[1:]), ("average", models)
    }  # fmt: skip


def test_table_3_holds_the_papers_rows_and_this_runs_others(page: str) -> None:
    rows = Cells(page[page.index("Table 3") : page.index("alone, on the same clips")]).rows
    assert [(row[0], row[1] != "–", row[-1]) for row in rows if row[0] != "Method"] == [
        ("SVMC3D, VGG + Bi-LSTM, forest, SVC", False, "47.3"),
        ("AverageVGG + Bi-LSTM, forest, SVC", False, "50.13"),
        ("Highest confidenceVGG + Bi-LSTM, forest, SVC", False, "41.78"),
        ("SVMVGG + Bi-LSTM, forest, SVC", False, "55.3"),
        ("EmotiW 2016 winnernot told by the paper", False, "51.9"),
        ("AveragechosenVGG, C3D, VGG + Bi-LSTM, forest, SVC", True, "–"),
    ]


def test_adapted_fusions_have_a_table_of_their_own(tmp_path: Path, page: str) -> None:
    found = evaluation(a="average", b="svm", c="average~person", d="svm~person")
    html = written(tmp_path, evaluation=found)
    results = html[html.index("Table 3") : html.index("alone, on the same clips")]
    table_3, own = results.split('<table class="wide" id="person">')
    assert "~" not in results
    assert [row[0] for row in Cells(own).rows] == ["Method", "Average", "SVM"]
    assert Cells(own).row("SVM")[1:4:2] == [f"{100 * found.figures.accuracy:.1f}", "+0.0"]
    assert "no label of theirs" in table_3
    assert 'id="person"' not in page


def test_what_was_not_measured_is_a_dash_and_never_zero(plain: str) -> None:
    row = Cells(plain).row("Convolutional 3D")
    assert row[1:3] == ["–", "–"]
    assert row[-2:] == ["–", "32.1"]


def test_models_that_nobody_here_knows_are_listed_apart(plain: str) -> None:
    tables, others = plain.split("Models of others")[:2]
    assert "convnet_mean" not in tables[tables.index("Table 1") :]
    assert "convnet_mean" in others.split("</table>")[0]


def test_figures_8_to_10_are_confusion_matrices(page: str) -> None:
    captions = re.findall(r'<figcaption><span class="number">(Figure \d+)</span>([^<]*)', page)
    assert [number for number, _ in captions] == ["Figure 8", "Figure 9", "Figure 10"]
    assert captions[2][1] == "Fusion: Average"


def test_every_model_and_fusion_has_its_figures_and_pictures(found: Evaluation, page: str) -> None:
    part = page[page.index('id="each"') :].partition("</section>")[0]
    assert part.count('aria-label="Confusion matrix') == part.count('aria-label="Reliability') == 6
    figures = found.models["c3d"]
    cells = Cells(part).row("2Convolutional 3D")
    shares = [figures.accuracy, figures.unweighted_average_recall, figures.macro_f1]
    assert cells[1:5] == [f"{100 * value:.1f}" for value in (*shares, figures.expected_calibration_error)]
    assert cells[5] == f"{100 * figures.recall['angry']:.1f}{100 * figures.precision['angry']:.1f}"


def test_any_two_stand_in_the_table_of_differences(found: Evaluation, page: str) -> None:
    part = page[page.index('class="against"') :].partition("</table>")[0]
    cells = Cells(part).row("3VGG + Bi-LSTM")
    pair = next(pair.paired for pair in found.pairs if (pair.a, pair.b) == ("models.c3d", "models.bilstm"))
    assert len(cells) == 6
    assert cells[2].startswith(f"{100 * pair.difference:+.1f}".replace("-", "−"))
    assert cells[3] == ""


def test_every_subject_has_the_accuracy_of_every_model(found: Evaluation, page: str) -> None:
    shares = found.by_subject["b"].accuracy_of
    cells = Cells(page[page.index("<summary>By group</summary>") :].partition("</table>")[0]).row("subject b")
    assert cells[1:] == [f"{100 * shares[f'models.{name}']:.1f}" for name in MODELS] + [
        f"{100 * shares['fusion.average']:.1f}"
    ]


def test_the_summary_says_it_in_words(found: Evaluation, page: str) -> None:
    assert f"names the right one of 3 emotions for {100 * found.figures.accuracy:.1f}% of 30 clips of 3 people" in page
    assert "With only 3 people the interval is wide" in page


@pytest.mark.parametrize(
    ("share", "words"), [(0.3, "lies above"), (0.5, "do not show that it does better"), (0.7, "lies below")]
)
def test_the_summary_sets_the_interval_against_the_most_frequent_label(
    found: Evaluation, share: float, words: str
) -> None:
    figures = replace(found.figures, accuracy_ci95=(0.4, 0.6), largest_class_share=share)
    lines = summary(replace(found, figures=figures))
    assert words in lines[1]


def test_the_gates_decision_and_reasons_are_shown(page: str, plain: str) -> None:
    assert "does not promote" in page
    assert "<li>no gain</li>" in page
    assert "The gate" not in plain


def test_a_notice_stands_before_the_figures(page: str) -> None:
    assert page.index("These are sample clips.") < page.index('class="lead"')


def test_text_from_outside_is_escaped(page: str) -> None:
    assert "&lt;script&gt;alert(1)" in page
    assert "<b>ends</b>" not in page
    assert "&lt;b&gt;ends&lt;/b&gt; early" in page
    assert "<i>" not in page


def test_thumbnails_stand_with_their_clips_and_other_pictures_as_figure_7(
    found: Evaluation, page: str, plain: str
) -> None:
    assert f'alt="A face of the clip {found.worst[0].clip}"' in page
    assert "Figure 7" in page
    assert "Figure 7" not in plain


def test_a_picture_of_unknown_kind_is_refused(tmp_path: Path, found: Evaluation) -> None:
    with pytest.raises(ValueError, match="PNG nor JPEG nor SVG"):
        written(tmp_path, evaluation=found, pictures={"x": b"GIF89a"})


def test_learning_curves_are_drawn_and_a_missing_one_is_left_out(page: str) -> None:
    assert "Training loss of VGG" in page
    assert "Training loss of Convolutional 3D" not in page


def test_skipped_clips_settings_digests_and_the_command_are_there(page: str) -> None:
    cells = Cells(page)
    assert cells.row("bad.mp4")[1] == "unreadable"
    assert "1 × <code>unreadable</code>" in page
    assert cells.row("svm.c") == ["svm.c", "18.5"]
    assert cells.row("models.vgg") == ["models.vgg", "34cd"]
    assert "affekt train DATA --preset small" in page


def test_the_same_input_gives_the_same_file_and_flat_settings_are_as_good(tmp_path: Path, found: Evaluation) -> None:
    nested = written(tmp_path, evaluation=found, settings=SETTINGS.to_dict())
    assert written(tmp_path, evaluation=found, settings=SETTINGS.flat()) == nested


def test_the_file_is_as_readable_as_any_other_and_nothing_is_left_beside_it(
    tmp_path: Path, found: Evaluation, caplog: pytest.LogCaptureFixture
) -> None:
    written(tmp_path, evaluation=found, history={"c3d": tmp_path / "none.csv"})
    (tmp_path / "plain").touch()
    report = tmp_path / "deep" / "report.html"
    assert stat.S_IMODE(report.stat().st_mode) == stat.S_IMODE((tmp_path / "plain").stat().st_mode)
    assert list(report.parent.iterdir()) == [report]
    assert "none.csv is not there" in caplog.text


def test_an_ensemble_that_never_answers_still_gets_a_report(tmp_path: Path) -> None:
    table = ScoreTable(("a", "b"), LABELS, ("svc",), np.full((2, 1, 3), np.nan), np.array([0, 1]), ("", ""), ("", ""))
    html = written(tmp_path, evaluation=evaluate_table(table, {}, "svc", (), SETTINGS.evaluation))
    assert "The model (Support vector classifier) names the right one of 3 emotions for 0.0% of 2 clips" in html
    assert "No answer was given." in html


def test_a_network_of_face_and_voice_is_no_visual_model(tmp_path: Path) -> None:
    found = evaluation(models=("vgg", "joint", "svc"))
    best = replace(found.models["joint"], accuracy=1.0)
    found = replace(found, models={**found.models, "joint": best})
    page = written(tmp_path, evaluation=found)

    between = [page.index(text) for text in ("Table 1", "Table 2", "Face and voice in one network", "Table 3")]
    assert between == sorted(between)
    assert page.index("Joint network", between[0]) > between[2]
    assert "The paper&#39;s best visual model here: VGG" in page


def test_a_figure_of_a_model_that_the_paper_does_not_have_says_so(tmp_path: Path) -> None:
    page = written(tmp_path, evaluation=evaluation(("base_embedding", "voice_embedding", "svc")))
    captions = re.findall(r'<figcaption><span class="number">(Figure [89])</span>([^<]*)', page)
    assert [told.strip() for _, told in captions] == [
        "A visual model that the paper does not have: Frozen VGG",
        "The paper&#39;s best audio model here: Support vector classifier",
    ]


def test_a_fusion_that_names_all_that_are_fused_is_told_once() -> None:
    fusion = evaluation(("vgg", "svc"), a="stacking", b="stacking@vgg+svc", c="stacking@svc").fusion

    assert [row.key for row in fusion_rows(fusion)[1]] == ["stacking", "stacking@svc"]


def test_the_report_tells_what_speaks_for_an_optional_model(tmp_path: Path) -> None:
    found = evaluation()
    paired = replace(found.paired["svc"], clips=30, accuracy_a=0.6, accuracy_b=0.7, difference=0.1, ci95=(0.0, 0.2))
    evidence = replace(paired, difference=-0.1, ci95=(-0.2, 0.05))
    ablation = Ablation(
        "joint", False, ("svc",), "average", 90, 9, 0.5, 0.4, evidence, "left out", ("joint", "svc"), fold="anna"
    )
    outcome = AblationOutcome("joint", "average", paired)
    page = written(tmp_path, evaluation=replace(found, ablations=(ablation,), ablation_outcomes=(outcome,)))

    rows = Cells(page[page.index('id="ablation"') :]).rows
    assert rows[1] == [
        "Joint network of face and voice, fold anna", "left out", "90", "50.0", "40.0", "−10.0", "−20.0 to +5.0",
    ]  # fmt: skip
    assert rows[2][2:] == ["30", "60.0", "70.0", "+10.0", "+0.0 to +20.0"]


def test_a_model_that_is_not_installed_is_not_taken_for_one_of_face_or_voice(tmp_path):
    """What a model of somebody else's looks at is not guessed from its name."""
    models = evaluation(("audio_lstm", "wav2vec", "vgg", "svc")).models
    assert [row.key for row in other_rows(models)] == ["audio_lstm", "wav2vec"]
    assert not {"audio_lstm", "wav2vec"} & {row.key for row in (*visual_rows(models), *audio_rows(models))}
    assert not joint_rows(models)


def test_the_page_says_what_chance_explains_what_could_be_found_and_what_is_confused(found: Evaluation, page: str):
    perfect, error = found.figures.if_calibrated, found.figures.expected_calibration_error
    assert perfect is not None and error is not None and found.power is not None
    assert f"in 95 of 100 cases; this one lies {'above' if error > perfect.band95[1] else 'within'} that" in page
    assert found.power.told() in page
    section = page[page.index('id="confused"') :]
    pair = found.confused[0]
    assert f"{pair.label} → {pair.predicted}" in section
    assert all(example.clip in section for example in pair.examples)
