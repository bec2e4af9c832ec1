"""Checkpoints in S3: found again, never lost for a put that fails, and removed when they are no longer needed."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from affekt import storage
from affekt.errors import DataError
from affekt.training.checkpoints import Checkpoints, resume, save_checkpoint


def trained(steps: int) -> tuple[nn.Module, torch.optim.Optimizer]:
    """A layer after some steps of gradient descent with momentum."""
    torch.manual_seed(0)
    network = nn.Linear(4, 2)
    optimiser = torch.optim.SGD(network.parameters(), lr=0.1, momentum=0.9)
    step(network, optimiser, steps)
    return network, optimiser


def step(network: nn.Module, optimiser: torch.optim.Optimizer, steps: int) -> None:
    for _ in range(steps):
        optimiser.zero_grad()
        network(torch.ones(3, 4)).square().sum().backward()
        optimiser.step()


def state(network: nn.Module) -> list[Tensor]:
    return [tensor.clone() for tensor in network.state_dict().values()]


def test_a_checkpoint_is_found_under_the_same_identity_alone(bucket: str) -> None:
    first, other = Checkpoints(f"{bucket}/checkpoints"), Checkpoints(f"{bucket}/checkpoints")
    uri = first.uri("vgg fold 1/3", "same data")
    save_checkpoint(uri, *trained(3), "same data", 3, [[3.0, 0.5]])
    assert other.uri("vgg fold 1/3", "same data") == uri
    network, optimiser = trained(0)
    assert resume(other.uri("vgg fold 1/3", "other data"), "vgg", network, optimiser) == (0, [])
    assert resume(uri, "vgg", network, optimiser) == (3, [[3.0, 0.5]])
    step(network, optimiser, 2)
    for value, expected in zip(state(network), state(trained(5)[0]), strict=True):
        assert torch.equal(value, expected)


def test_a_put_that_fails_is_a_warning_and_leaves_the_checkpoint_before(
    bucket: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    uri = Checkpoints(bucket).uri("vgg", "data")
    assert save_checkpoint(uri, *trained(3), "data", 3, [])
    with monkeypatch.context() as elsewhere, caplog.at_level(logging.WARNING):
        elsewhere.setenv("AWS_ENDPOINT_URL_S3", "http://127.0.0.1:9")
        assert not save_checkpoint(uri, *trained(5), "data", 5, [])
    assert "iteration 5 is not written" in caplog.text
    network, optimiser = trained(0)
    assert resume(uri, "vgg", network, optimiser)[0] == 3


def test_a_checkpoint_that_cannot_be_reached_is_not_taken_for_none(
    bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", "http://127.0.0.1:9")
    with pytest.raises(DataError) as caught:
        resume(f"{bucket}/a.pt", "vgg", *trained(0))
    assert caught.value.code == "unreachable"


def test_only_the_checkpoints_of_this_run_are_removed(bucket: str) -> None:
    mine, others = Checkpoints(bucket), Checkpoints(bucket)
    kept = others.uri("vgg", "other data")
    for uri in (mine.uri("vgg", "data"), kept):
        save_checkpoint(uri, *trained(1), "data", 1, [])
    mine.clear()
    assert storage.list_files(bucket) == [kept]


def test_removing_a_file_that_is_not_there_is_no_error(bucket: str, tmp_path: Path) -> None:
    storage.remove(f"{bucket}/none")
    storage.remove(tmp_path / "none")
