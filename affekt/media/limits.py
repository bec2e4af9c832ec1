"""What a file may not be to be decoded, as far as that is told before it is opened, and the errors that say so."""

from __future__ import annotations

from pathlib import Path

from affekt.counted import counted
from affekt.errors import NO_FILE, NO_REGULAR_FILE, MediaError
from affekt.media.movie_index import ENCRYPTED, is_encrypted
from affekt.settings import MediaSettings


def check_file(path: Path, settings: MediaSettings) -> None:
    """Refuse what is no file, holds nothing, is too large or encrypted.

    Raises:
        MediaError: ``missing``, ``empty``, ``too_large`` or ``unreadable``.
    """
    try:
        size = path.stat().st_size
    except FileNotFoundError as error:
        raise refusal(path, "missing", NO_FILE) from error
    except OSError as error:
        raise refusal(path, "missing", f"cannot be opened ({error.strerror}); check the path") from error
    if not path.is_file():
        raise refusal(path, "missing", NO_REGULAR_FILE)
    if size == 0:
        raise refusal(path, "empty", "is empty; expected a media file")
    if size > settings.max_bytes:
        limit = f"media.max_bytes is {settings.max_bytes}"
        raise refusal(
            path, "too_large", f"has {counted(size, 'bytes')}, {limit}; cut or compress it, or raise the limit"
        )
    if is_encrypted(path):
        raise refusal(path, "unreadable", ENCRYPTED)


def too_long(path: Path, settings: MediaSettings, seconds: float) -> MediaError:
    """The error of a file that lasts so many seconds."""
    return refusal(path, "too_long", f"lasts {seconds:.1f} s, media.max_seconds is {settings.max_seconds:g}; cut it")


def refusal(path: Path, code: str, message: str) -> MediaError:
    """An error of a file."""
    return MediaError(message, code=code, where=str(path))
