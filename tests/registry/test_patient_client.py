"""Requests to MLflow whose answers are lost: repeated, and what they make is made once."""

from __future__ import annotations

import pytest
import requests
from mlflow.exceptions import MlflowException

from affekt import patience
from affekt.errors import AffektError
from affekt.registry.jobs import close_job, open_job
from affekt.registry.patient_client import PatientClient, worth_repeating
from affekt.registry.registering import register
from affekt.registry.tracking import ChildRun, Tracking

GONE = MlflowException("API request to http://there/api failed with exception connection refused")


class Losing:
    """MLflow's client, of which some requests are done and then not answered."""

    def __init__(self, client, *names, error=GONE, times=1):
        self.client, self.names, self.error, self.left = client, names, error, times

    def __getattr__(self, name):
        call = getattr(self.client, name)

        def asked(*given, **named):
            answer = call(*given, **named)
            if name in self.names and self.left > 0:
                self.left -= 1
                raise self.error
            return answer

        return asked


@pytest.fixture
def losing(tracking, monkeypatch):
    """The runs and registry of a test behind such a client."""
    monkeypatch.setattr(patience, "_PAUSES", (0.01,))

    def made(*names, **how) -> Tracking:
        real = tracking.client
        tracking.__dict__["client"] = PatientClient(Losing(real, *names, **how), "http://there")
        return tracking

    return made


def test_a_run_whose_answer_was_lost_is_not_opened_twice(losing):
    tracking = losing("create_run")
    run_id = tracking.start_parent("weekly")
    (run,) = tracking.client.search_runs([tracking.experiment_id])
    assert run.info.run_id == run_id


def test_a_version_whose_answer_was_lost_is_not_registered_twice(losing, saved):
    tracking = losing("create_model_version", "set_registered_model_alias", times=2)
    run_id = tracking.start_parent("weekly")
    assert register(tracking, saved("a"), name="affekt", run_id=run_id) == 1
    assert len(tracking.client.search_model_versions("name = 'affekt'")) == 1
    assert tracking.client.get_registered_model("affekt").aliases.keys() == {"challenger"}


def test_a_training_goes_on_while_its_figures_cannot_be_sent(losing):
    tracking = losing("log_batch", times=10)
    run_id = tracking.start_parent("weekly")
    tracking.client._client.left = 1
    run = ChildRun(tracking, run_id)
    for step in range(250):
        run.log({"loss": 1.0}, step)
    assert tracking.client._client.left == 0
    run.flush()
    assert len(tracking.client.get_metric_history(run_id, "loss")) == 250


def test_a_server_that_never_comes_back_is_one_error(losing, monkeypatch):
    tracking = losing("search_runs", times=10**9)
    monkeypatch.setenv(patience.VARIABLE, "0.1")
    with patience.as_a_step(), pytest.raises(AffektError) as caught:
        open_job(tracking, "weekly", "job", {}, {})
    assert caught.value.code == "unanswered"


def test_a_refusal_is_not_repeated(losing):
    tracking = losing("search_runs", error=MlflowException("no such experiment"))
    with pytest.raises(MlflowException):
        close_job(tracking, "job", "SUCCEEDED")
    assert tracking.client._client.left == 0


@pytest.mark.parametrize(
    ("error", "seconds"),
    [
        (GONE, float("inf")),
        (requests.ConnectionError("cut"), float("inf")),
        (MlflowException("API request to http://t failed with timeout exception read timed out"), float("inf")),
        (MlflowException("API request to endpoint /api failed with error code 503 != 200"), float("inf")),
        (MlflowException("API request to http://t failed with exception too many 500 error responses"), 60),
        (
            MlflowException(
                "API request to endpoint was successful but the response body was not in a valid JSON format. "
            ),
            60,
        ),
        (MlflowException("API request to http://t failed with exception certificate verify failed"), 0),
        (requests.exceptions.SSLError("expired"), 0),
        (MlflowException("Model Registry name is empty"), 0),
        (Exception("An error occurred (AccessDenied) when calling PutObject"), 0),
        (KeyError("x"), 0),
    ],
)
def test_what_is_worth_repeating(error, seconds):
    assert worth_repeating(error) == seconds
