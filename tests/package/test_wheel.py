"""The wheel: what is in it and what is not, and that it is built the same way twice."""

from __future__ import annotations

import zipfile

import affekt


def test_two_builds_are_identical(wheel, build_wheel):
    assert build_wheel().read_bytes() == wheel.read_bytes()


def test_it_bears_the_version(wheel):
    assert wheel.name == f"affekt-{affekt.__version__}-py3-none-any.whl"


def test_it_records_the_revision_that_it_was_built_from(wheel, build_wheel):
    assert "affekt/revision.txt" not in zipfile.ZipFile(wheel).namelist(), "a copy without git knows none"
    built = zipfile.ZipFile(build_wheel(AFFEKT_REVISION="0123456789ab"))
    assert built.read("affekt/revision.txt") == b"0123456789ab\n"


def test_it_installs_affekt_and_no_other_package(wheel):
    names = zipfile.ZipFile(wheel).namelist()
    assert {name.split("/")[0] for name in names} == {"affekt", f"affekt-{affekt.__version__}.dist-info"}
    assert {"affekt/components/gate.py", "affekt/pipelines/cli/__init__.py", "affekt/serving/handler.py"} <= set(names)


def test_it_holds_what_torchserve_starts_as_a_program(wheel):
    entry = zipfile.ZipFile(wheel).getinfo("affekt/serving/engines/torchserve_python.sh")
    assert (entry.external_attr >> 16) & 0o111 == 0o111


def test_it_holds_data_and_licences(wheel):
    names = set(zipfile.ZipFile(wheel).namelist())
    information = f"affekt-{affekt.__version__}.dist-info/licenses"
    assert {
        "affekt/presets/paper.yaml", "affekt/presets/small.yaml", "affekt/report/report.html", "affekt/py.typed",
        f"{information}/LICENSE", f"{information}/NOTICE",
    } <= names  # fmt: skip
