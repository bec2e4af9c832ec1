"""What ``affekt doctor`` finds: on this machine as it is, and where things are missing or taken."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from affekt.pipelines.cli import run
from affekt.pipelines.doctor import MISSING, NOTE, OK, machine, services, versions
from affekt.storage import without_secrets


def found_by(document: dict) -> dict[str, dict]:
    return {finding["name"]: finding for finding in document["findings"]}


@pytest.fixture
def bare(tmp_path, monkeypatch):
    """A state folder that is not made yet, and an environment that names no service."""
    for name in [name for name in os.environ if name.startswith(("AWS_", "MLFLOW_TRACKING", "KFP_"))]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AFFEKT_HOME", str(tmp_path / "state"))
    return tmp_path


def test_this_environment_is_ready_and_nothing_is_made(bare, capsys):
    assert run(["doctor", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    found = found_by(document)
    assert (document["ok"], document["missing"]) == (True, [])
    assert {"python", "affekt", "torch", "kfp", "mlflow", "opensmile", "ffmpeg", "java", "cores"} <= set(found)
    assert {finding["group"] for finding in found.values()} == {"versions", "machine", "media", "weights", "services"}
    assert found["decoder"]["text"] == "50 pictures and 2.0 s of sound"
    assert found["egemaps"]["text"].startswith("88 functionals")
    assert (found["vgg_face"]["state"], found["vgg_face"]["remedy"]) == (MISSING, "affekt weights fetch vgg_face")
    assert found["s3"]["state"] == NOTE
    assert all(finding["remedy"] for finding in found.values() if finding["state"] != OK)
    assert not (bare / "state").exists()


def test_what_is_wrong_is_told_with_a_remedy_and_without_secrets(bare):
    environment = {
        **os.environ, "IMAGEIO_FFMPEG_EXE": str(bare / "no-ffmpeg"),
        "MLFLOW_TRACKING_URI": "http://somebody:hidden-word@127.0.0.1:9", "KFP_ENDPOINT": "http://127.0.0.1:9",
        "AWS_ACCESS_KEY_ID": "AKIAHIDDEN", "AWS_SECRET_ACCESS_KEY": "hidden-key",
    }  # fmt: skip
    command = [sys.executable, "-m", "affekt", "doctor"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 1
    assert done.stdout.splitlines()[-1] == "not ready: ffmpeg, decoder, registry"
    assert "http://127.0.0.1:9: no MLflow server answers" in " ".join(done.stdout.split())
    assert "credentials from env" in done.stdout
    assert "http://127.0.0.1:9 does not answer" in done.stdout
    assert "Traceback" not in done.stderr
    assert "hidden" not in (done.stdout + done.stderr).lower()


@pytest.mark.skipif(Path("/dev/nvidiactl").exists(), reason="PyTorch is asked about the NVIDIA device of this machine")
def test_without_an_nvidia_device_no_package_is_imported_for_its_version(bare):
    script = "import sys; from affekt.pipelines.cli import run; run(['doctor']); print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=120, check=True)
    assert "torch" in done.stdout
    heavy = {"torch", "mlflow", "kfp", "sklearn", "matplotlib", "scipy"}
    assert not heavy & set(done.stdout.splitlines()[-1].split())


@pytest.mark.parametrize("place", ["/proc/affekt", "/dev/null/x"])
def test_a_folder_that_cannot_be_written_to_is_told(place):
    finding = machine._folder("AFFEKT_HOME", Path(place), "name a folder with more room in AFFEKT_HOME")
    assert (finding.fatal, finding.remedy) == (True, "name a folder in AFFEKT_HOME")
    assert finding.text.startswith(place)


def test_the_registry_tells_its_champion(pipeline_run, monkeypatch):
    monkeypatch.setenv("AFFEKT_HOME", str(pipeline_run.home))
    monkeypatch.setenv("MLFLOW_TRACKING_URI", pipeline_run.tracking_uri)
    finding = services._registry()
    assert finding.state == OK
    assert "1 registered" in finding.text


def test_a_taken_port_is_told_with_another_way(bare):
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        finding = services._port(port, "affekt serve --port N")
    assert (finding.state, finding.remedy) == (NOTE, "affekt serve --port N")
    assert services._port(port, "").state == OK


def test_a_package_that_is_missing_is_told_with_its_extra():
    finding = versions._package("no-such-package", "kfp", True)
    assert (finding.state, finding.fatal, finding.remedy) == (MISSING, True, "pip install 'affekt[train]'")


@pytest.fixture
def wheel(tmp_path, monkeypatch):
    """A package ``wholly`` that is installed in a folder, whose file ``ops.py`` has 9 bytes."""
    (tmp_path / "site" / "wholly").mkdir(parents=True)
    info = tmp_path / "site" / "wholly-1.2.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: wholly\nVersion: 1.2\n")
    (info / "RECORD").write_text(
        "wholly/__init__.py,sha256=x,0\nwholly/ops.py,sha256=x,9\nwholly/tests/a.py,sha256=x,9\nx.dist-info/RECORD,,\n"
    )
    package = tmp_path / "site" / "wholly"
    (package / "__init__.py").touch()
    (package / "ops.py").write_text("value = 1")
    monkeypatch.syspath_prepend(tmp_path / "site")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "site"))
    return package


def test_a_package_whose_files_are_not_there_or_cut_off_is_told_with_what_mends_it(wheel):
    assert versions._package("wholly", "wholly", True).text == "1.2"
    (wheel / "ops.py").write_text("val")
    finding = versions._package("wholly", "wholly", True)
    assert (finding.fatal, finding.text) == (True, "1.2: wholly/ops.py is cut off")
    assert finding.remedy.startswith("pip install --force-reinstall --no-deps wholly==1.2")
    (wheel / "__init__.py").unlink()
    text = versions._package("wholly", "wholly", True).text
    assert text == "1.2: wholly/__init__.py is not there, and 1 more file likewise"


def test_a_file_in_the_place_of_a_package_is_told(wheel, monkeypatch):
    other = wheel.parent.parent / "mine"
    other.mkdir()
    (other / "wholly.py").touch()
    monkeypatch.syspath_prepend(other)
    finding = versions._package("wholly", "wholly", True)
    assert (finding.fatal, finding.text) == (True, f"1.2: {other / 'wholly.py'} is imported in its place")


def test_a_package_that_cannot_be_imported_is_told_where_that_is_asked_for(wheel):
    (wheel / "__init__.py").write_text("import nothing_of_this_name")
    assert versions._package("wholly", "wholly", True).state == OK
    finding = versions._package("wholly", "wholly", True, imports=True)
    assert finding.fatal
    assert finding.text == "1.2: cannot be imported: ModuleNotFoundError: No module named 'nothing_of_this_name'"


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        ("http://a:b@host:5000/x?token=c", "http://host:5000/x"),
        ("sqlite:////tmp/mlflow.db", "sqlite:////tmp/mlflow.db"),
        ("postgresql://a:b@host/db", "postgresql://host/db"),
    ],
)
def test_addresses_are_shown_without_secrets(address, shown):
    assert without_secrets(address) == shown
