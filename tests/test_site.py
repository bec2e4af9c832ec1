"""The documentation site: it builds without a warning, has every document, and loads nothing from elsewhere."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

import affekt

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(folder)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    return folder


def test_every_document_is_a_page(site):
    documents = [path.relative_to(ROOT / "docs") for path in (ROOT / "docs").rglob("*.md")]
    missing = [
        str(path)
        for path in documents
        if not (site / path.with_suffix(".html")).is_file()
        and not (path.name == "README.md" and (site / path.with_name("index.html")).is_file())
    ]
    assert not missing
    pages = {path.name for path in site.iterdir()}
    assert {"index.html", "contributing.html", "changelog.html", "security.html"} <= pages


def test_links_of_the_readme_lead_to_pages(site):
    text = (site / "index.html").read_text(encoding="utf-8")
    links = {link.partition("#")[0] for link in re.findall(r'(?:href|src)="([^":]+)"', text)} - {"", "."}
    assert {"architecture.html", "images/pipeline.svg"} <= links
    assert not [link for link in links if not (site / link).exists()]


def test_the_python_reference_has_the_public_names_with_their_docstrings(site):
    text = (site / "reference.html").read_text(encoding="utf-8")
    shown = set(re.findall(r'id="(?:affekt|affekt\.errors|pipelines\.trained)\.(\w+)"', text))
    assert set(affekt.__all__) - {"__version__"} <= shown
    assert "Raises:" in text


def test_nothing_is_loaded_from_elsewhere(site):
    for page in site.rglob("*.html"):
        text = page.read_text(encoding="utf-8")
        assert not re.findall(r'<(?:script|img|link)[^>]+(?:src|href)="(?:https?:)?//', text), page


def test_code_in_tables_has_its_bars(site):
    text = (site / "commands.html").read_text(encoding="utf-8")
    assert "--preset small|paper" in text
    assert "\\|" not in text


def test_wide_tables_are_scrolled_by_themselves(site):
    style = (site / "site.css").read_text(encoding="utf-8")
    assert "table { display: block; max-width: 100%; overflow-x: auto; }" in style
    for page in site.rglob("*.html"):
        text = page.read_text(encoding="utf-8")
        assert page.name == "404.html" or ('site.css"' in text and 'role="main"' in text), page
