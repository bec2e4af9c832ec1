"""A step that trains records the use of the machine in its MLflow run."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import pytest

from affekt.registry import Tracking
from affekt.settings import load_settings
from affekt.steps.step import step


@pytest.fixture
def tracking(tmp_path: Path, registry_in: Callable[[Path], Tracking], monkeypatch: pytest.MonkeyPatch) -> Tracking:
    monkeypatch.setenv("MLFLOW_SYSTEM_METRICS_SAMPLING_INTERVAL", "0.2")
    return registry_in(tmp_path)


def metrics_of_a_step(tracking: Tracking, group: str, seconds: float) -> set[str]:
    """The names of the metrics in the run of a step that lasts so long, or until the machine's use is recorded."""
    parent = tracking.start_parent("run")
    arguments = {"tracking_uri": tracking.uri, "run_id": parent, "group": group}
    query = f"tags.`mlflow.parentRunId` = '{parent}'"
    with step("a step", load_settings("small").to_json(), **arguments):
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            (run,) = tracking.client.search_runs([tracking.experiment_id], query)
            if any(name.startswith("system/") for name in run.data.metrics):
                break
            time.sleep(0.1)
    (run,) = tracking.client.search_runs([tracking.experiment_id], query)
    assert run.info.status == "FINISHED"
    return {name for name in run.data.metrics if name.startswith("system/")}


def test_a_step_that_trains_records_processor_and_memory(tracking: Tracking, monkeypatch: pytest.MonkeyPatch) -> None:
    recorded = metrics_of_a_step(tracking, "svc", 60)
    assert {"system/cpu_utilization_percentage", "system/system_memory_usage_percentage"} <= recorded
    assert metrics_of_a_step(tracking, "fusion", 1) == set()
    monkeypatch.setenv("MLFLOW_ENABLE_SYSTEM_METRICS_LOGGING", "false")
    assert metrics_of_a_step(tracking, "svc", 1) == set()
