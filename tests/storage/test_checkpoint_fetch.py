"""``affekt weights fetch``: from a web server, from S3 and from a file; what is not the right file is refused."""

from __future__ import annotations

import hashlib
import io
import logging
from pathlib import Path
from typing import Any

import pytest
import torch

from affekt.errors import DataError
from affekt.models.vgg.network import VGG16
from affekt.pipelines.cli import run
from affekt.pretrained.collection import folder_of, verify
from affekt.pretrained.installing import fetch, install
from affekt.storage import upload_folder
from affekt.training.starting_weights import start_vgg

ARGUMENTS: dict[str, Any] = {
    "width": 0.05, "input_size": 32, "classes": 11, "batch_norm": False, "dropout": 0.5, "seed": 0,
}  # fmt: skip


@pytest.fixture(autouse=True)
def own_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("AFFEKT_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


def checkpoint(seed: int = 0) -> bytes:
    """A narrow network in the layout of ``vgg_face_dag``, as a PyTorch file."""
    torch.manual_seed(seed)
    file = io.BytesIO()
    torch.save(VGG16(width=0.05, input_size=32, classes=11).state_dict(), file)
    return file.getvalue()


def digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def refused(*, code: str, **arguments: Any) -> DataError:
    with pytest.raises(DataError) as caught:
        fetch("vgg_face", **arguments)
    assert caught.value.code == code, caught.value
    return caught.value


def left(home: Path) -> list[str]:
    """The files below the weights, without the locks."""
    files = [path for path in (home / "weights").rglob("*") if path.is_file() and path.suffix != ".lock"]
    return sorted(str(path.relative_to(home / "weights")) for path in files)


@pytest.mark.parametrize("kind", ["web", "s3", "file"])
def test_a_checkpoint_comes_from(
    kind: str, web: Any, bucket: str, s3_service: Any, tmp_path: Path, own_home: Path
) -> None:
    content = checkpoint()
    web.files["/models/vgg_face_dag.pth"] = content
    s3_service.put_object(Bucket="clips", Key="models/vgg_face_dag.pth", Body=content)
    (tmp_path / "vgg_face_dag.pth").write_bytes(content)
    source = {
        "web": f"{web.url}/models/vgg_face_dag.pth",
        "s3": f"{bucket}/models/vgg_face_dag.pth",
        "file": str(tmp_path / "vgg_face_dag.pth"),
    }[kind]
    kept = fetch("vgg_face", source=source, sha256=digest(content).upper())
    assert kept.source == {"uri": source, "sha256": digest(content), "bytes": len(content)}
    assert (kept.network, kept.layout, kept.classes) == ("vgg", "pytorch", 11)
    assert verify("vgg_face") == kept
    assert left(own_home) == ["vgg_face/weights.json", "vgg_face/weights.safetensors"]
    network, _ = start_vgg(pretrained="vgg_face", **ARGUMENTS)
    assert torch.equal(network.fc6.weight, torch.load(io.BytesIO(content), weights_only=True)["fc6.weight"])


def test_where_no_digest_is_known_the_one_seen_is_said_and_kept(web: Any, caplog: pytest.LogCaptureFixture) -> None:
    web.files["/vgg.pth"] = checkpoint()
    with caplog.at_level(logging.INFO, logger="affekt"):
        kept = fetch("vgg_face", source=f"{web.url}/vgg.pth")
    assert "no digest is published" in caplog.text
    assert digest(web.files["/vgg.pth"]) in caplog.text
    assert kept.source["sha256"] == digest(web.files["/vgg.pth"])


def test_another_file_than_the_first_is_refused_later(web: Any) -> None:
    web.files["/vgg.pth"] = checkpoint()
    first = fetch("vgg_face", source=f"{web.url}/vgg.pth")
    web.files["/vgg.pth"] = checkpoint(seed=1)
    error = refused(code="wrong_digest", source=f"{web.url}/vgg.pth")
    assert first.source["sha256"] in error.message
    assert digest(web.files["/vgg.pth"]) in error.message
    assert verify("vgg_face") == first
    # Who names the digest means it.
    second = fetch("vgg_face", source=f"{web.url}/vgg.pth", sha256=digest(web.files["/vgg.pth"]))
    assert verify("vgg_face") == second != first


def test_what_is_here_is_not_fetched_again(web: Any) -> None:
    web.files["/vgg.pth"] = checkpoint()
    kept = fetch("vgg_face", source=f"{web.url}/vgg.pth")
    assert fetch("vgg_face") == kept
    assert fetch("vgg_face", source=f"{web.url}/vgg.pth", sha256=kept.source["sha256"]) == kept
    assert len(web.seen) == 1


def test_a_damaged_checkpoint_is_fetched_again(web: Any) -> None:
    web.files["/vgg.pth"] = checkpoint()
    kept = fetch("vgg_face", source=f"{web.url}/vgg.pth")
    path = folder_of("vgg_face") / "weights.safetensors"
    path.write_bytes(path.read_bytes()[:-1])
    assert fetch("vgg_face", source=f"{web.url}/vgg.pth", sha256=kept.source["sha256"]) == kept
    assert verify("vgg_face") == kept
    assert len(web.seen) == 2


def test_a_wrong_digest_leaves_nothing(web: Any, own_home: Path) -> None:
    web.files["/vgg.pth"] = checkpoint()
    error = refused(code="wrong_digest", source=f"{web.url}/vgg.pth", sha256="0" * 64)
    assert "0" * 64 in error.message and digest(web.files["/vgg.pth"]) in error.message
    assert left(own_home) == []


def test_a_cut_download_goes_on(web: Any, own_home: Path) -> None:
    web.files["/vgg.pth"] = checkpoint()
    web.cut["/vgg.pth"] = 50_000
    error = refused(code="truncated", source=f"{web.url}/vgg.pth")
    assert "50,000" in error.message
    assert not folder_of("vgg_face").exists()
    fetch("vgg_face", source=f"{web.url}/vgg.pth")
    assert web.seen[-1] == ("/vgg.pth", "bytes=50000-")
    assert left(own_home) == ["vgg_face/weights.json", "vgg_face/weights.safetensors"]


def test_a_file_that_was_cut_before_it_was_uploaded_is_refused(web: Any, own_home: Path) -> None:
    content = checkpoint()
    web.files["/vgg.pth"] = content[: len(content) // 2]
    error = refused(code="damaged", source=f"{web.url}/vgg.pth")
    assert "is it complete" in error.message
    assert left(own_home) == []


@pytest.mark.parametrize("kind", ["text/html", "application/octet-stream"])
def test_a_web_page_is_refused(web: Any, kind: str, own_home: Path) -> None:
    web.files["/vgg.pth"] = b"\n<!DOCTYPE html><html><p>Please log in.</html>"
    web.kinds["/vgg.pth"] = kind
    assert "web page" in refused(code="web_page", source=f"{web.url}/vgg.pth").message
    assert left(own_home) == []


def test_another_network_is_refused_by_its_layers(web: Any, own_home: Path) -> None:
    file = io.BytesIO()
    torch.save({"features.0.weight": torch.zeros(64, 3, 3, 3), "features.0.bias": torch.zeros(64)}, file)
    web.files["/vgg16.pth"] = file.getvalue()
    error = refused(code="wrong_layout", source=f"{web.url}/vgg16.pth")
    assert "conv1_1.weight" in error.message and "features.0.weight" in error.message
    assert left(own_home) == []


def test_a_missing_file_is_named(web: Any, bucket: str, tmp_path: Path) -> None:
    assert "404" in refused(code="missing_file", source=f"{web.url}/none.pth").message
    assert refused(code="missing_file", source=f"{bucket}/none.pth").where == f"{bucket}/none.pth"
    assert refused(code="missing", source=str(tmp_path / "none.pth")).where == str(tmp_path / "none.pth")


def test_limits_hold(web: Any) -> None:
    web.files["/vgg.pth"] = checkpoint()
    refused(code="too_large", source=f"{web.url}/vgg.pth", max_bytes=1000)
    web.slow["/vgg.pth"] = 0.05
    refused(code="timeout", source=f"{web.url}/vgg.pth", timeout_seconds=0.3)


def test_what_is_published_over_plain_http_only_is_left_to_the_user() -> None:
    with pytest.raises(DataError, match="--from FILE --sha256") as caught:
        fetch("c3d_sports1m")
    assert caught.value.code == "insecure"


def test_an_unknown_name_lists_those_that_there_are() -> None:
    with pytest.raises(DataError, match="vgg_face, c3d_sports1m"):
        fetch("vgg_fast")


def test_a_digest_that_is_none_is_refused() -> None:
    refused(code="bad_digest", sha256="abc")


def test_the_command_says_what_came_and_how_to_use_it(web: Any, capsys: pytest.CaptureFixture[str]) -> None:
    web.files["/vgg.pth"] = checkpoint()
    assert run(["weights", "fetch", "vgg_face", "--from", f"{web.url}/vgg.pth"]) == 0
    said = capsys.readouterr().out
    assert "--set vgg.pretrained=vgg_face" in said
    assert digest(web.files["/vgg.pth"]) in said
    assert run(["weights", "fetch", "vgg_face", "--from", f"{web.url}/vgg.pth", "--sha256", "1" * 64]) == 1
    assert "expected " + "1" * 64 in capsys.readouterr().err


def test_training_starts_from_a_checkpoint_that_lies_in_s3(bucket: str, tmp_path: Path) -> None:
    (tmp_path / "vgg.pth").write_bytes(checkpoint())
    install(tmp_path / "vgg.pth", "vgg_face", name="mine")
    upload_folder(folder_of("mine"), f"{bucket}/weights/mine")
    here, _ = start_vgg(pretrained="mine", **ARGUMENTS)
    there, _ = start_vgg(pretrained=f"{bucket}/weights/mine", **ARGUMENTS)
    assert torch.equal(here.fc8.weight, there.fc8.weight)
