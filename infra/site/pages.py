"""Pages of the site that lie outside of docs/: the README as its first page, and what else stands at the root."""

from __future__ import annotations

import posixpath
import re
from pathlib import Path
from typing import Any

from mkdocs.structure.files import File, Files

#: Files at the root of the repository, and the pages that they become.
PAGES = {
    "README.md": "index.md",
    "CONTRIBUTING.md": "contributing.md",
    "CHANGELOG.md": "changelog.md",
    "SECURITY.md": "security.md",
}
ROOT = Path(__file__).resolve().parents[2]
_CELL = re.compile(r"<td\b.*?</td>", re.DOTALL)
_LINK = re.compile(r"(\]\()([^)\s#:]+)(#[^)\s]*)?(\))")


def on_files(files: Files, config: Any) -> Files:
    """Add the pages; called by MkDocs."""
    for name, page in PAGES.items():
        content = rewritten((ROOT / name).read_text(encoding="utf-8"), "")
        files.append(File.generated(config, page, content=content))
    return files


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:
    """Lead links of a page in docs/ to the pages of root files; called by MkDocs."""
    place = page.file.src_uri
    if place in PAGES.values():
        return markdown
    return rewritten(markdown, posixpath.join("docs", posixpath.dirname(place)))


def on_page_content(html: str, **_: Any) -> str:
    """Take away what escapes the bars in the code of tables; called by MkDocs, which shows it."""
    return _CELL.sub(lambda cell: cell[0].replace("\\|", "|"), html)


def rewritten(markdown: str, folder: str) -> str:
    """Links of a file in a folder of the repository as they are on the site, where docs/ is the root."""

    def lead(found: re.Match[str]) -> str:
        target = posixpath.normpath(posixpath.join(folder, found[2]))
        if (ROOT / target).is_dir():
            target = f"{target}/README.md"
        page = PAGES.get(target) or (target.removeprefix("docs/") if target.startswith("docs/") else None)
        if page is None:
            return found[0]
        here = folder.removeprefix("docs").strip("/")
        return f"{found[1]}{posixpath.relpath(page, here or '.')}{found[3] or ''}{found[4]}"

    return _LINK.sub(lead, markdown)
