"""The address under which MLflow shows the runs of a training, and not traces of language models."""

from pathlib import Path

import pytest

from affekt.pipelines.cli.train import summarise
from affekt.pipelines.run import Outcome


def outcome(tracking_uri: str) -> Outcome:
    return Outcome(
        name="affekt", version="3", promoted=True, reasons=(), accuracy=0.5, accuracy_ci95=(0.4, 0.6),
        report=Path("report.html"), run_id="2ecf6dc0", tracking_uri=tracking_uri, seconds=60.0, steps={},
        orchestration_share=0.1, experiment_id="7",
    )  # fmt: skip


def test_it_is_of_the_server_that_keeps_the_runs(capsys: pytest.CaptureFixture[str]) -> None:
    summarise(outcome("http://name:secret@mlflow.example:5000/"))
    last = capsys.readouterr().out.splitlines()[-1]
    page = "http://mlflow.example:5000/#/experiments/7?workflowType=machine_learning"
    assert last == f"MLflow       in a browser: {page}"


def test_it_follows_the_command_that_starts_mlflow_on_this_machine(capsys: pytest.CaptureFixture[str]) -> None:
    summarise(outcome("sqlite:////home/mlflow.db"))
    command, page = capsys.readouterr().out.splitlines()[-2:]
    assert command.endswith("mlflow ui --backend-store-uri sqlite:////home/mlflow.db")
    assert page.endswith("in a browser: http://127.0.0.1:5000/#/experiments/7?workflowType=machine_learning")


def test_mlflow_knows_that_word_of_the_address() -> None:
    import mlflow  # heavy

    scripts = Path(mlflow.__file__).parent / "server" / "js" / "build" / "static" / "js"
    assert any('MACHINE_LEARNING="machine_learning"' in path.read_text("utf-8") for path in scripts.glob("main.*.js"))
