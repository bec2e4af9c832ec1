"""How wide the report is: nothing reaches over the edge of a telephone, and at 1280 pixels nothing is cut."""

from __future__ import annotations

import html
import json
import re
import shutil
import subprocess
from html.parser import HTMLParser
from pathlib import Path

import pytest
from shared_report import SETTINGS, evaluation, written

WIDTHS = (320, 390, 800, 1280)
#: What a browser finds: the width that the page has, the width that it needs, and how many tables are scrolled.
_MEASURE = """<script>addEventListener("load", () => {
  for (const part of document.querySelectorAll("details")) part.open = true;
  const page = document.documentElement;
  const scrolled = [...document.querySelectorAll(".scroll")].filter(part => part.scrollWidth > part.clientWidth);
  parent.postMessage([innerWidth, page.clientWidth, page.scrollWidth, scrolled.length], "*");
})</script>"""
_FRAMES = """<body data-found="[]"><script>addEventListener("message", event => {
  const found = JSON.parse(document.body.dataset.found);
  document.body.dataset.found = JSON.stringify([...found, event.data]);
})</script>"""


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A report with as many models and fusions as a training makes, long names, and all settings."""
    methods = ("average", "maximum", "stacking", "svm", "adaboost", "random_forest", "weighted_average")
    fused = {name: name for name in methods} | {f"{name}_of_some": f"{name}@vgg+bilstm+svc" for name in methods}
    return written(
        tmp_path_factory.mktemp("wide"),
        evaluation=evaluation(("vgg", "c3d", "bilstm", "joint", "random_forest", "svc"), **fused),
        settings=SETTINGS.to_dict(),
        digests={"data": "0123456789abcdef" * 4},
        command="affekt train " + "a-folder-with-a-name-that-has-no-gap-anywhere-" * 4,
    )


class Tables(HTMLParser):
    """Which parts of the page enclose each table."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.enclosing: list[list[str]] = []
        self._open: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "table":
            self.enclosing.append(list(self._open))
        if tag not in ("meta", "img", "br", "col"):
            self._open.append(dict(attrs).get("class") or "")

    def handle_endtag(self, tag: str) -> None:
        self._open.pop()


def test_every_table_can_be_scrolled_or_breaks_its_cells(page: str) -> None:
    tables = Tables(page).enclosing
    assert len(tables) > 10
    assert all({"scroll", "settings", "digests"} & set(around) for around in tables)
    style = page.partition("<style>")[2].partition("</style>")[0]
    assert ".scroll { position: relative; overflow-x: auto;" in style
    assert ".settings .num { white-space: normal; }" in style


@pytest.mark.skipif(not shutil.which("chromium"), reason="needs chromium")
def test_no_part_reaches_over_the_edge_and_at_1280_no_table_is_cut(page: str, tmp_path: Path) -> None:
    found = {width: rest for width, *rest in measured(page, tmp_path)}
    assert sorted(found) == sorted(WIDTHS)
    assert {width: needs for width, (has, needs, _) in found.items() if needs > has} == {}
    assert found[1280][2] == 0


def measured(page: str, folder: Path) -> list[list[int]]:
    """For each width: the width of the window, what the page has of it and needs, and how many tables are scrolled."""
    without_policy = re.sub(r'<meta http-equiv="Content-Security-Policy"[^>]*>', "", page)
    (folder / "page.html").write_text(without_policy.replace("</body>", f"{_MEASURE}</body>"), encoding="utf-8")
    frames = (f'<iframe src="page.html" style="width:{width}px;height:900px;border:0"></iframe>' for width in WIDTHS)
    (folder / "frames.html").write_text(_FRAMES + "".join(frames), encoding="utf-8")
    command = [
        "chromium", "--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={folder / 'profile'}",
        "--virtual-time-budget=10000", "--dump-dom", (folder / "frames.html").as_uri(),
    ]  # fmt: skip
    shown = subprocess.run(command, capture_output=True, text=True, check=True, timeout=120).stdout
    found = re.search('data-found="([^"]*)"', shown)
    assert found is not None, shown[:500]
    result: list[list[int]] = json.loads(html.unescape(found[1]))
    return result
