"""A server is found by the home that it was started with, wherever that lies, and by no copy of it."""

from __future__ import annotations

import os
import shutil

from affekt.serving.running import RunningServer, find_server, remember


def test_a_renamed_home_has_its_server_and_a_copied_one_has_none(tmp_path):
    home, url = tmp_path / "home", "http://127.0.0.1:8080"
    server = RunningServer(url, tmp_path / "admin.sock", "affekt", os.getpid())
    remember(server, home / "serving" / "8080.json")
    assert find_server(url, home) == server
    shutil.copytree(home, tmp_path / "copy")
    assert find_server(url, tmp_path / "copy") is None
    home.rename(tmp_path / "renamed")
    assert find_server(url, tmp_path / "renamed") == server
