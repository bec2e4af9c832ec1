"""``affekt keys``: the keys of clients of a server, in a file."""

from __future__ import annotations

import argparse
from pathlib import Path

from affekt.pipelines.cli.remarks import remark
from affekt.serving.keys import add_key, read_keys, remove_key


def main(options: argparse.Namespace) -> int:
    """Add, remove or list."""
    path = Path(options.file)
    if options.action == "add":
        print(add_key(path, options.name, options.per_minute))
        remark(f"clients send it as: Authorization: Bearer KEY; {path} keeps its hash, and the key is not shown again")
    elif options.action == "remove":
        remove_key(path, options.name)
    else:
        for key in read_keys(path):
            print(f"{key.name}\t{key.per_minute:g} a minute")
    return 0
