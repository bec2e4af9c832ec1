"""Large files over HTTP and from S3: whole or not at all, within limits, going on after a cut."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from affekt.errors import DataError
from affekt.storage.download import download, shown

CONTENT = os.urandom(3_000_000)


def get(uri: str, path: Path, *, max_bytes: int = 10_000_000, timeout_seconds: float = 60) -> bytes:
    download(uri, path, label="get", max_bytes=max_bytes, timeout_seconds=timeout_seconds)
    return path.read_bytes()


def refused(uri: str, path: Path, **limits: Any) -> DataError:
    with pytest.raises(DataError) as caught:
        get(uri, path, **limits)
    assert not path.exists()
    return caught.value


def test_a_file_comes_as_it_is_and_leaves_nothing_beside_it(web: Any, tmp_path: Path) -> None:
    web.files["/weights.pth"] = CONTENT
    assert get(f"{web.url}/weights.pth", tmp_path / "deep" / "file") == CONTENT
    assert [path.name for path in (tmp_path / "deep").iterdir()] == ["file"]


def test_after_a_cut_only_the_rest_is_asked_for(web: Any, tmp_path: Path) -> None:
    web.files["/weights.pth"] = CONTENT
    web.cut["/weights.pth"] = 1_234_567
    error = refused(f"{web.url}/weights.pth", tmp_path / "file")
    assert error.code == "truncated"
    assert "1,234,567" in error.message and "3,000,000" in error.message
    assert get(f"{web.url}/weights.pth", tmp_path / "file") == CONTENT
    assert web.seen == [("/weights.pth", None), ("/weights.pth", "bytes=1234567-")]


def test_another_content_under_the_same_name_is_not_joined_to_the_first(web: Any, tmp_path: Path) -> None:
    web.files["/weights.pth"] = CONTENT
    web.cut["/weights.pth"] = 1_000_000
    refused(f"{web.url}/weights.pth", tmp_path / "file")
    web.files["/weights.pth"] = CONTENT[::-1]
    assert get(f"{web.url}/weights.pth", tmp_path / "file") == CONTENT[::-1]


def test_a_file_that_shrank_is_fetched_anew(web: Any, tmp_path: Path) -> None:
    web.files["/weights.pth"] = CONTENT
    web.cut["/weights.pth"] = 1_000_000
    refused(f"{web.url}/weights.pth", tmp_path / "file")
    (tmp_path / "file.part").write_bytes(CONTENT)  # as much as there is: the server answers 416
    assert get(f"{web.url}/weights.pth", tmp_path / "file") == CONTENT


def test_a_part_of_another_address_is_not_used(web: Any, tmp_path: Path) -> None:
    web.files |= {"/one": CONTENT, "/two": CONTENT[:2_000_000]}
    web.cut["/one"] = 1_000_000
    refused(f"{web.url}/one", tmp_path / "file")
    assert get(f"{web.url}/two", tmp_path / "file") == CONTENT[:2_000_000]
    assert web.seen[-1] == ("/two", None)


def test_a_file_of_unknown_size_is_read_to_its_end(web: Any, tmp_path: Path) -> None:
    web.files["/weights.pth"] = CONTENT
    web.unsized.add("/weights.pth")
    assert get(f"{web.url}/weights.pth", tmp_path / "file") == CONTENT


def test_what_is_missing_is_named(web: Any, tmp_path: Path) -> None:
    error = refused(f"{web.url}/none.pth", tmp_path / "file")
    assert (error.code, error.where) == ("missing_file", f"{web.url}/none.pth")
    assert "404" in error.message


def test_a_web_page_is_no_file(web: Any, tmp_path: Path) -> None:
    web.files["/login"] = b"<!doctype html><p>Who are you?"
    web.kinds["/login"] = "text/html; charset=utf-8"
    error = refused(f"{web.url}/login", tmp_path / "file")
    assert error.code == "web_page"
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("sized", [True, False])
def test_a_file_over_the_limit_is_not_read_to_its_end(web: Any, tmp_path: Path, sized: bool) -> None:
    web.files["/weights.pth"] = CONTENT
    if not sized:
        web.unsized.add("/weights.pth")
    error = refused(f"{web.url}/weights.pth", tmp_path / "file", max_bytes=1_000_000)
    assert error.code == "too_large"
    assert "1,000,000" in error.message


def test_a_server_that_sends_a_byte_now_and_then_is_left_in_time(web: Any, tmp_path: Path) -> None:
    web.files["/weights.pth"] = CONTENT
    web.slow["/weights.pth"] = 0.05
    error = refused(f"{web.url}/weights.pth", tmp_path / "file", timeout_seconds=0.5)
    assert error.code == "timeout"
    assert "repeat the command" in error.message


def test_a_redirection_is_followed(web: Any, tmp_path: Path) -> None:
    web.files["/new/weights.pth"] = CONTENT
    web.moved["/weights.pth"] = "/new/weights.pth"
    assert get(f"{web.url}/weights.pth", tmp_path / "file") == CONTENT


def test_a_circle_of_redirections_ends(web: Any, tmp_path: Path) -> None:
    web.moved["/a"] = "/a"
    assert refused(f"{web.url}/a", tmp_path / "file").code == "unreachable"
    assert len(web.seen) < 10


def test_plain_http_is_for_this_machine_only(web: Any, tmp_path: Path) -> None:
    error = refused("http://weights.example/vgg.pth", tmp_path / "file")
    assert error.code == "insecure"
    web.moved["/weights.pth"] = "http://weights.example/vgg.pth"
    error = refused(f"{web.url}/weights.pth", tmp_path / "file")
    assert (error.code, error.where) == ("insecure", "http://weights.example/vgg.pth")


def test_a_server_that_is_not_there_is_named(tmp_path: Path) -> None:
    error = refused("http://127.0.0.1:9/weights.pth?signature=secret", tmp_path / "file")
    assert (error.code, error.where) == ("unreachable", "http://127.0.0.1:9/weights.pth")
    assert "secret" not in str(error)


def test_secrets_in_an_address_are_not_shown() -> None:
    assert shown("https://me:secret@host:1/a.pth?X-Signature=secret#b") == "https://host:1/a.pth"


def test_an_object_comes_as_it_is(bucket: str, s3_service: Any, tmp_path: Path) -> None:
    s3_service.put_object(Bucket="clips", Key="weights/vgg.pth", Body=CONTENT)
    assert get(f"{bucket}/weights/vgg.pth", tmp_path / "file") == CONTENT


def test_an_object_goes_on_where_it_was_left(bucket: str, s3_service: Any, tmp_path: Path) -> None:
    s3_service.put_object(Bucket="clips", Key="vgg.pth", Body=CONTENT)
    refused(f"{bucket}/vgg.pth", tmp_path / "file", timeout_seconds=0)
    begun = (tmp_path / "file.part").stat().st_size
    assert 0 < begun < len(CONTENT)
    # What is there already is not fetched again: here it is changed, to see that.
    (tmp_path / "file.part").write_bytes(b"x" * begun)
    assert get(f"{bucket}/vgg.pth", tmp_path / "file") == b"x" * begun + CONTENT[begun:]


def test_a_new_object_of_the_same_key_begins_anew(bucket: str, s3_service: Any, tmp_path: Path) -> None:
    s3_service.put_object(Bucket="clips", Key="vgg.pth", Body=CONTENT)
    refused(f"{bucket}/vgg.pth", tmp_path / "file", timeout_seconds=0)
    s3_service.put_object(Bucket="clips", Key="vgg.pth", Body=CONTENT[::-1])
    assert get(f"{bucket}/vgg.pth", tmp_path / "file") == CONTENT[::-1]


def test_a_missing_object_is_named(bucket: str, tmp_path: Path) -> None:
    error = refused(f"{bucket}/none.pth", tmp_path / "file")
    assert (error.code, error.where) == ("missing_file", f"{bucket}/none.pth")


def test_an_object_over_the_limit_is_refused(bucket: str, s3_service: Any, tmp_path: Path) -> None:
    s3_service.put_object(Bucket="clips", Key="vgg.pth", Body=CONTENT)
    assert refused(f"{bucket}/vgg.pth", tmp_path / "file", max_bytes=1000).code == "too_large"
