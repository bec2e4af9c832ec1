"""The page with a video's timeline: what is said of each of its windows."""

from __future__ import annotations

from pathlib import Path

from affekt.report.timeline import write_timeline


def test_a_window_has_its_warnings_on_the_page(tmp_path: Path) -> None:
    said = {"label": "sad", "confidence": 0.4, "probabilities": {"angry": 0.6, "sad": 0.4}}
    windows = [
        {"from": 0.0, "to": 1.0, **said, "warnings": ["the clip is <unlike> what the model learned from", "no video"]},
        {"from": 1.0, "to": 2.0, **said, "warnings": []},
    ]
    write_timeline(tmp_path / "a.html", tmp_path / "a.mp4", windows, "m")
    page = (tmp_path / "a.html").read_text(encoding="utf-8")
    assert page.count("0.0–1.0 s: sad 40% [the clip is &lt;unlike&gt; what the model learned from; no video]") == 3
    assert "1.0–2.0 s: sad 40%</td>" in page
