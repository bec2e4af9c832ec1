"""Texts without the logins and signatures of the addresses in them."""

from __future__ import annotations

import pytest

from affekt.storage import as_told, secrets_hidden


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("https://ann:s3cret@host:5000/mlflow", "https://***@host:5000/mlflow"),
        ("postgresql://u:p%40ss@db/mlflow and more", "postgresql://***@db/mlflow and more"),
        ("got https://host/w.pt?X-Amz-Signature=abc&b=1 now", "got https://host/w.pt?*** now"),
        ('{"uri": "https://t0ken@host/w.pt?sig=1"}', '{"uri": "https://***@host/w.pt?***"}'),
        ("two: http://a:b@c/d s3://bucket/key?versionId=1", "two: http://***@c/d s3://bucket/key?***"),
        ("s3://bucket/week 7?X-Amz-Signature=abc", "s3://bucket/week 7?***"),
        ("s3://bucket/a@b/c.mp4", "s3://bucket/a@b/c.mp4"),
        ("affekt@champion?", "affekt@champion?"),
        ("/a/b?c@d", "/a/b?c@d"),
        ("is http://host/there?", "is http://host/there?"),
    ],
)
def test_logins_and_queries_become_stars(text, shown):
    assert secrets_hidden(text) == shown


def test_values_that_are_told_hold_no_secret_and_no_place_of_this_machine():
    values = {
        "vgg": {"pretrained": "https://ann:pw@host/w.pt?sig=1", "rounds": 3, "also": ["/home/ann/w.pt", None]},
        "media": {"detector_model": "/home/ann/yunet.onnx"},
    }
    assert as_told(values, keep=("detector_model",)) == {
        "vgg": {"pretrained": "https://***@host/w.pt?***", "rounds": 3, "also": ["w.pt", None]},
        "media": {"detector_model": "/home/ann/yunet.onnx"},
    }
