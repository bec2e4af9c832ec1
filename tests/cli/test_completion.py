"""What a shell offers at the cursor, asked in real shells with the script that ``affekt completion`` prints."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from affekt.pipelines.cli import build_parser
from affekt.pipelines.cli.reference import _commands

#: For each shell: sources the script, and prints what it offers for each line, one a line, and a dash behind them.
ASKS = {
    "bash": r"""
        eval "$(affekt completion bash)"
        for COMP_LINE; do
            COMP_POINT=${#COMP_LINE} COMP_TYPE=9 COMP_WORDBREAKS=$' \t\n"\'><=;|&(:'
            _python_argcomplete affekt
            printf '%s\n' "${COMPREPLY[@]}" - | tr '\013' '\n'
        done
    """,
    "zsh": r"""
        compdef() { :; }
        eval "$(affekt completion zsh)"
        _describe() { print -rl -- ${completions} }
        for BUFFER; do
            CURSOR=${#BUFFER} words=(${(z)BUFFER})
            _python_argcomplete | tr '\013' '\n' | cut -d: -f1
            print -r -- -
        done
    """,
    "fish": r"""
        affekt completion fish | source
        for line in $argv
            complete -C $line | cut -f1
            echo -
        end
    """,
}


def offered(*lines: str, shell: str = "bash", **environment: str) -> list[set[str]]:
    """What the shell offers for each line, with affekt's own command in its path."""
    if shutil.which(shell) is None:
        pytest.skip(f"{shell} is not installed")
    surroundings = {**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}", **environment}
    bare = {"bash": ["--norc"], "zsh": ["-f"], "fish": ["--no-config"]}[shell]
    arguments = [shell, *bare, "-c", ASKS[shell], *([] if shell == "fish" else [shell]), *lines]
    done = subprocess.run(arguments, capture_output=True, text=True, timeout=60, env=surroundings, check=False)
    assert not done.stderr
    *answers, rest = done.stdout.split("-\n")
    assert not rest
    return [{word.strip() for word in answer.splitlines()} - {""} for answer in answers]


@pytest.mark.parametrize("shell", ASKS)
def test_every_shell_is_offered_commands_and_choices(shell):
    commands, choices = offered("affekt tr", "affekt train x --only sv", shell=shell)
    assert (commands, choices) == ({"train"}, {"svc"})


def test_a_zsh_without_a_configuration_takes_the_script(tmp_path):
    if shutil.which("zsh") is None:
        pytest.skip("zsh is not installed")
    surroundings = {**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}", "HOME": str(tmp_path)}
    script = 'eval "$(affekt completion zsh)"; print -r -- $_comps[affekt]'
    done = subprocess.run(["zsh", "-f", "-c", script], capture_output=True, text=True, timeout=60, env=surroundings)
    assert (done.stdout.strip(), done.stderr) == ("_python_argcomplete", "")
    assert not list(tmp_path.iterdir())


def test_actions_options_and_names_that_affekt_knows():
    expected = {
        "affekt models ro": {"rollback"},
        "affekt evaluate --mo": {"--model"},
        "affekt settings vgg.wi": {"vgg.width"},
        "affekt train x --set vgg.wi": {"vgg.width="},
        "affekt fuse x --method st": {"stacking"},
        "affekt weights fetch vgg": {"vgg_face"},
        "affekt predict x --person lo": {"longest"},
        "affekt predict x --ur": {"--url"},
        "affekt drift --si": {"--since"},
        "affekt train x --protocol th": {"three_splits"},
        "affekt pipeline submit x --profile mu": {"multi-gpu"},
        "affekt train x --when da": {"days="},
    }
    assert dict(zip(expected, offered(*expected), strict=True)) == expected


def test_models_of_the_local_registry(pipeline_run):
    own = {"AFFEKT_HOME": str(pipeline_run.home), "MLFLOW_TRACKING_URI": pipeline_run.tracking_uri}
    assert {"tiny@challenger", "tiny/1"} <= offered("affekt predict x --model t", **own)[0]


def test_no_registry_is_no_model_and_nothing_is_made(tmp_path):
    own = {"AFFEKT_HOME": str(tmp_path / "state"), "MLFLOW_TRACKING_URI": ""}
    assert offered("affekt predict x --model tin", **own) == [set()]
    assert not (tmp_path / "state").exists()


def test_an_option_whose_value_nobody_knows_is_offered_as_well():
    expected = {}
    for parser, _ in _commands(build_parser()):
        if parser.prog in ("affekt score", "affekt serve", "affekt deploy"):
            options = {text for action in parser._actions for text in action.option_strings if text.startswith("--")}
            expected[f"{parser.prog} --"] = options
    assert len(expected) == 3
    assert dict(zip(expected, offered(*expected), strict=True)) == expected
