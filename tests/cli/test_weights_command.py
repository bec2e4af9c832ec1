"""``affekt weights``: what it prints, its JSON, and its exit codes."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from affekt.models.vgg.network import VGG16
from affekt.pipelines.cli import run


@pytest.fixture(autouse=True)
def own_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("AFFEKT_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    torch.save(VGG16(width=0.05, input_size=32, classes=11).state_dict(), tmp_path / "vgg_face_dag.pth")
    return tmp_path / "vgg_face_dag.pth"


def listed(capsys: pytest.CaptureFixture[str]) -> list[dict]:
    capsys.readouterr()
    assert run(["weights", "list", "--json"]) == 0
    return json.loads(capsys.readouterr().out)["weights"]


def test_what_is_known_is_listed_with_its_licence(capsys):
    rows = listed(capsys)
    assert [(row["name"], row["network"], row["here"]) for row in rows] == [
        ("vgg_face", "vgg", False), ("c3d_sports1m", "c3d", False), ("faceres", "mobilenet", False),
    ]  # fmt: skip
    assert all(row["licence"] and row["page"] for row in rows)
    assert [bool(row["published"]) for row in rows] == [True, True, False]  # the third comes in a package
    assert all(row["sha256"] is None and row["bytes"] is None for row in rows)
    assert rows[0]["preprocessing"]["order"] == "rgb" and rows[1]["preprocessing"]["order"] == "bgr"


def test_what_is_here_is_listed_with_its_digest(file, capsys, own_home):
    assert run(["weights", "import", str(file), "--as", "vgg_face", "--name", "mine"]) == 0
    assert "--set vgg.pretrained=mine" in capsys.readouterr().out
    row = next(row for row in listed(capsys) if row["name"] == "mine")
    path = own_home / "weights" / "mine"
    assert (row["here"], row["path"], row["classes"]) == (True, str(path), 11)
    assert row["bytes"] == (path / "weights.safetensors").stat().st_size
    assert row["source"]["uri"] == str(file)
    assert run(["weights", "list"]) == 0
    said = capsys.readouterr().out
    assert "mine" in said and row["sha256"] in said and "licence" in said


def test_listing_does_not_wait_for_torch():
    script = (
        "import sys; from affekt.pipelines.cli import run; run(['weights', 'list', '--json']); "
        "print([m for m in ('torch', 'mlflow', 'kfp', 'sklearn', 'pandas') if m in sys.modules], file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stderr.strip() == "[]"


def test_verify_says_ok(file, capsys):
    run(["weights", "import", str(file), "--as", "vgg_face"])
    capsys.readouterr()
    assert run(["weights", "verify"]) == 0
    assert capsys.readouterr().out.startswith("vgg_face: ok, vgg from the layout pytorch, 11 classes")
    assert run(["weights", "verify", "vgg_face"]) == 0


def test_verify_names_what_differs_and_goes_on_to_the_others(file, capsys, own_home):
    for name in ("a", "b", "c"):
        run(["weights", "import", str(file), "--as", "vgg_face", "--name", name])
    path = own_home / "weights" / "b" / "weights.safetensors"
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    capsys.readouterr()
    assert run(["weights", "verify"]) == 1
    first, second, third = capsys.readouterr().out.splitlines()
    assert first.startswith("a: ok") and third.startswith("c: ok")
    assert second.startswith("b: ") and "SHA-256" in second and str(path) in second
    assert run(["weights", "verify", "b"]) == 1


def test_verify_looks_into_a_file_too(file, tmp_path, capsys):
    assert run(["weights", "verify", str(file)]) == 0
    assert "vgg in the layout pytorch, 11 classes" in capsys.readouterr().out
    (tmp_path / "half.pth").write_bytes(file.read_bytes()[:1000])
    assert run(["weights", "verify", str(tmp_path / "half.pth")]) == 1
    assert "is it complete" in capsys.readouterr().err


def test_verify_of_what_is_not_there_says_how_to_get_it(capsys):
    assert run(["weights", "verify", "vgg_face"]) == 1
    assert "affekt weights fetch vgg_face" in capsys.readouterr().out


def test_an_import_of_the_wrong_file_ends_with_1(tmp_path, capsys):
    (tmp_path / "page.pth").write_text("<html></html>", encoding="utf-8")
    assert run(["weights", "import", str(tmp_path / "page.pth"), "--as", "vgg_face"]) == 1
    assert "web page" in capsys.readouterr().err
    assert run(["weights", "import", str(tmp_path / "none.pth"), "--as", "vgg_face"]) == 1
    assert "no such file" in capsys.readouterr().err


def test_an_import_of_a_folder_says_that_it_is_one(tmp_path, capsys):
    assert run(["weights", "import", str(tmp_path), "--as", "vgg_face"]) == 1
    assert f"{tmp_path}: is a folder; expected the file of a checkpoint" in capsys.readouterr().err


@pytest.mark.parametrize(
    "arguments", [[], ["fetch"], ["import", "f"], ["import", "f", "--as", "vgg_face", "--layout", "keras"]]
)
def test_wrong_usage_ends_with_2(arguments, capsys):
    with pytest.raises(SystemExit) as ended:
        run(["weights", *arguments])
    assert ended.value.code == 2
