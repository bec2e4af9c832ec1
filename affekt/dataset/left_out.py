"""What of a folder is no part of its data set, told rather than passed over in silence."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from affekt.counted import counted
from affekt.dataset.file_names import is_hidden, is_media, is_of_a_system, suffix_of
from affekt.dataset.problems import Problem, some
from affekt.storage import Entry, Listing

_PASSED_OVER = {
    "broken_link": ("symbolic link leads nowhere", "symbolic links lead nowhere", "mend or remove them"),
    "link_loop": ("symbolic link leads in a circle", "symbolic links lead in a circle", "remove them"),
    "special_file": ("entry is a pipe, a socket or a device", "entries are pipes, sockets or devices", "remove them"),
    "link_in_archive": (
        "entry of the archive is a link and not followed",
        "entries of the archive are links and not followed",
        "unpack it and give the folder to have them",
    ),
}


def left_out(listing: Listing, taken: Iterable[Entry], suffixes: frozenset[str], uri: str) -> list[Problem]:
    """A warning for each kind of entry that is not used: other files by their suffixes, links without a file.

    Args:
        listing: the folder.
        taken: its files that are used, or told of elsewhere.
        suffixes: of the files that are.
        uri: of the folder.
    """
    used = {entry.path for entry in taken}
    rest = [entry for entry in listing.entries if entry.path not in used and not is_of_a_system(entry.path)]
    hidden = [entry.path for entry in rest if is_hidden(entry.path) and suffix_of(entry.path) in suffixes]
    problems = unreadable_names(rest, uri, suffixes) + passed_over(listing, uri)
    if hidden:
        message = f"{_files(hidden)} left out, hidden by a dot before the name or that of a folder: {_shown(hidden)}"
        problems.append(Problem("hidden_files", uri, message, "warning"))
    others = [
        entry.path
        for entry in rest
        if not is_hidden(entry.path) and suffix_of(entry.path) not in suffixes and not _is_page_of(entry.path, used)
    ]
    if others:
        which = "which is" if len(others) == 1 else "which are"
        message = f"left out: {by_suffix(others)}, {which} not read here: {_shown(others)}"
        problems.append(Problem("left_out", uri, message, "warning"))
    return problems


def _is_page_of(path: str, used: set[str]) -> bool:
    """Whether it is the page with the timeline that ``affekt predict --every`` writes beside a clip."""
    return path.endswith(".html") and path.removesuffix(".html") in used


def passed_over(listing: Listing, uri: str) -> list[Problem]:
    """A warning for each kind of what is no file in a folder."""
    problems = []
    for kind, (one, many, remedy) in _PASSED_OVER.items():
        paths = [item.path for item in listing.passed_over if item.kind == kind and not is_of_a_system(item.path)]
        if paths:
            message = f"{len(paths)} {one if len(paths) == 1 else many}; {remedy}: {_shown(paths)}"
            problems.append(Problem(kind, uri, message, "warning"))
    return problems


def unreadable_names(entries: Iterable[Entry], uri: str, suffixes: frozenset[str]) -> list[Problem]:
    """A warning on media files whose names are no text, and can stand in no table."""
    paths = [entry.path for entry in entries if not is_text(entry.uri) and is_media(entry.path, suffixes)]
    if not paths:
        return []
    message = f"{_files(paths)} left out: not UTF-8, and no table can name them; rename them: {_shown(paths)}"
    return [Problem("bad_name", uri, message, "warning")]


def is_text(name: str) -> bool:
    """Whether a name is UTF-8 on the disk."""
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True


def by_suffix(paths: Iterable[str]) -> str:
    """How many files end how, as ``3 .txt, 1 without a suffix``."""
    counts = Counter(suffix_of(path) or "without a suffix" for path in paths)
    return ", ".join(f"{count} {suffix}" for suffix, count in counts.most_common())


def _files(paths: Sequence[str]) -> str:
    return f"{counted(len(paths), 'media files')} {'is' if len(paths) == 1 else 'are'}"


def _shown(paths: Sequence[str]) -> str:
    return some(paths, shown=3)
