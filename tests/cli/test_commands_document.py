"""The document of all commands is what the parsers say."""

from __future__ import annotations

from pathlib import Path

import pytest

from affekt.pipelines.cli.reference import markdown

DOCUMENT = Path(__file__).parents[2] / "docs" / "commands.md"


def test_the_document_is_what_the_parsers_say():
    assert DOCUMENT.read_text(encoding="utf-8") == markdown(), "run `make reference`"


@pytest.mark.parametrize("command", ["train", "deploy", "pipeline compile", "models rollback", "weights fetch"])
def test_commands_and_their_actions_have_a_section(command):
    assert f"\n## affekt {command}\n" in markdown()


def test_a_row_names_option_value_and_meaning():
    assert "| `--clips-per-label N` | sample clips (default 6) |" in markdown()
