"""What a file is that is no clip, by how it begins: whoever reads that it cannot be used wants to know."""

from __future__ import annotations

from pathlib import Path

from affekt.errors import printable

_BYTES = 1024
#: What files begin with, and what they are; the first that fits counts.
_SIGNS: tuple[tuple[bytes, str], ...] = (
    (b"#EXTM3U", "a playlist (M3U, HLS)"),
    (b"ffconcat", "a list of files (ffconcat)"),
    (b"[playlist]", "a playlist (PLS)"),
    (b"FWS", "a Flash film (SWF)"), (b"CWS", "a Flash film (SWF)"), (b"ZWS", "a Flash film (SWF)"),
    (b".SoX", "a sound of SoX"), (b"XoS.", "a sound of SoX"),
    (b"MThd", "notes (MIDI)"),
    (b"MAC ", "Monkey's Audio"), (b"DSD ", "DSD sound"), (b"#!AMR", "AMR"), (b"MP+", "Musepack"), (b"MPCK", "Musepack"),
    (b"PSID", "notes (SID)"), (b"TTA", "True Audio"), (b"OptimFROG", "OptimFROG"), (b"tBaK", "TAK"),
    (b"\xff\xd8\xff", "a picture (JPEG)"), (b"\x89PNG\r\n\x1a\n", "a picture (PNG)"),
    (b"II*\x00", "a picture (TIFF)"), (b"MM\x00*", "a picture (TIFF)"), (b"8BPS", "a picture (PSD)"),
    (b"\xff\x0a", "a picture (JPEG XL)"), (b"\x00\x00\x00\x0cJXL ", "a picture (JPEG XL)"),
    (b"\x00\x00\x00\x0cjP  ", "a picture (JPEG 2000)"), (b"BM", "a picture (BMP)"),
    (b"PK\x03\x04", "a ZIP archive"), (b"\x1f\x8b", "packed with gzip"), (b"BZh", "packed with bzip2"),
    (b"\xfd7zXZ\x00", "packed with xz"), (b"7z\xbc\xaf\x27\x1c", "a 7z archive"), (b"Rar!", "a RAR archive"),
    (b"(\xb5/\xfd", "packed with Zstandard"),
    (b"%PDF", "a document (PDF)"), (b"\xd0\xcf\x11\xe0", "an old document of Office"),
    (b"\x7fELF", "a program"), (b"MZ", "a program of Windows"),
    (b"version https://git-lfs", "a pointer of Git LFS, whose file `git lfs pull` fetches"),
)  # fmt: skip
#: The same for what is text, in small letters and behind blanks and a mark of its encoding.
_TEXTS: tuple[tuple[bytes, str], ...] = (
    (b"<!doctype html", "a web page, perhaps that of a download that failed"),
    (b"<html", "a web page, perhaps that of a download that failed"),
    (b"<svg", "a drawing (SVG)"),
    (b"<?xml", "a text (XML)"),
    (b"{", "a text (JSON)"),
)


def format_name(path: str | Path) -> str:
    """What a file is, as ``a ZIP archive``; nothing where that is not known or it cannot be read."""
    try:
        with Path(path).open("rb") as file:
            start = file.read(_BYTES)
    except OSError:
        return ""
    if found := next((name for sign, name in _SIGNS if start.startswith(sign)), ""):
        return found
    text = start.removeprefix(b"\xef\xbb\xbf").lstrip().lower()
    if found := next((name for sign, name in _TEXTS if text.startswith(sign)), ""):
        return found
    return "a text" if start and _is_text(start) else "nothing but zeros" if start and not any(start) else ""


def reason_of(path: str | Path, reason: str) -> str:
    """Why a file is no clip: what it is, where that is known, or else the reason that ffmpeg gives."""
    name, ending = format_name(path), Path(path).suffix
    if not name and "not a container" in reason and ending:
        return f"{reason}; its name ends in {printable(ending)}"
    return f"it is {name}, not a container that clips come in" if name else reason


def _is_text(start: bytes) -> bool:
    try:
        text = start.decode()
    except UnicodeDecodeError as error:
        if error.start < len(start) - 3:  # otherwise a sign was cut
            return False
        text = start[: error.start].decode()
    return all(sign.isprintable() or sign in "\t\r\n\ufeff" for sign in text)
