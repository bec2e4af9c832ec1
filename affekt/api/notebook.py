"""How answers and figures look in a notebook: small pieces of HTML, with every text escaped."""

from __future__ import annotations

import base64
import html
from collections.abc import Iterable, Sequence

_FONT = "font-family:sans-serif"


def beside(picture: str, text: str) -> str:
    """A picture, or nothing, and what stands beside it."""
    return f'<div style="display:flex;gap:1em;align-items:flex-start;{_FONT}">{picture}<div>{text}</div></div>'


def picture(jpeg: bytes, says: str) -> str:
    """A JPEG; nothing where there are no bytes."""
    if not jpeg:
        return ""
    address = base64.b64encode(jpeg).decode()
    return f'<img alt="{html.escape(says)}" style="border-radius:4px" src="data:image/jpeg;base64,{address}">'


def bars(shares: dict[str, float], chosen: str) -> str:
    """A bar for each label, that of the chosen one in another colour."""
    rows = "".join(
        f'<tr><td style="padding:0 .6em 0 0">{html.escape(label)}</td><td style="width:12em">'
        f'<div style="background:{"#1f6feb" if label == chosen else "#9aa4b2"};height:.8em;width:{100 * share:.1f}%">'
        f'</div></td><td style="padding-left:.6em;text-align:right">{share:.0%}</td></tr>'
        for label, share in shares.items()
    )
    return f'<table style="border-collapse:collapse">{rows}</table>'


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table; the first column holds names, the others numbers."""

    def line(cells: Sequence[str], tag: str) -> str:
        return "".join(
            f'<{tag} style="text-align:{"right" if number else "left"}">{html.escape(cell)}</{tag}>'
            for number, cell in enumerate(cells)
        )

    body = "".join(f"<tr>{line(row, 'td')}</tr>" for row in rows)
    return f'<table style="{_FONT}"><thead><tr>{line(head, "th")}</tr></thead><tbody>{body}</tbody></table>'


def listed(texts: Iterable[str]) -> str:
    """A list; nothing where there is nothing in it."""
    items = "".join(f"<li>{html.escape(text)}</li>" for text in texts)
    return f"<ul>{items}</ul>" if items else ""


def paragraph(text: str) -> str:
    """A line of text."""
    return f'<p style="{_FONT}">{html.escape(text)}</p>'
