"""One definition for any members: what Kubeflow gets of it has a name and a signature of its own, and still runs."""

from __future__ import annotations

import inspect

import pytest
from kfp.dsl import Input, Model

from affekt.components.static_signature import static_component
from affekt.errors import AffektError


# The name of a parameter stands in a comment and in a text too, where nothing may be replaced.
def define(path: str, last: bool = False, **members: Input[Model]) -> None:
    """Write which members were given: ``**members``, def define(."""
    with open(path, "w") as file:  # noqa: PTH123
        file.write(f"{sorted(members.items())} {last} def define( **members")


def named_by_keyword(path: str, *, first: bool, **given: Input[Model]) -> None:
    open(path, "w").write(f"{given} {first}")  # noqa: PTH123, SIM115


@pytest.mark.parametrize(
    ("members", "inputs"),
    [((), ["path", "last"]), (("vgg", "c3d"), ["path", "last", "vgg", "c3d"])],
)
def test_each_member_is_an_input_of_its_own(members, inputs):
    component = static_component(define, name="train-this-model", members=members)
    assert component.name == "train-this-model"
    assert list(component.component_spec.inputs) == inputs
    assert [name for name, spec in component.component_spec.inputs.items() if not spec.optional] == [
        name for name in inputs if name != "last"
    ]


def test_the_source_that_is_sent_runs_by_itself_and_gives_what_the_definition_gives(tmp_path):
    component = static_component(define, name="other", members=["vgg", "c3d"])
    namespace = {"Input": Input, "Model": Model}
    exec(inspect.getsource(component.python_func), namespace)
    for number, function in enumerate((define, component.python_func, namespace["other"])):
        function(path=str(tmp_path / f"{number}"), vgg="a", c3d="b")
    texts = {path.read_text(encoding="utf-8") for path in tmp_path.iterdir()}
    assert texts == {"[('c3d', 'b'), ('vgg', 'a')] False def define( **members"}


def test_components_of_one_definition_keep_apart(tmp_path):
    static_component(define, name="one", members=["vgg"])
    two = static_component(define, name="two", members=["c3d"])
    assert inspect.getsource(two.python_func).startswith("def two(path: str, last: bool = False, *, c3d: Input[Model])")


def test_inputs_that_are_given_by_keyword_may_stand_before_the_members(tmp_path):
    component = static_component(named_by_keyword, members=["vgg"])
    component.python_func(path=str(tmp_path / "x"), first=True, vgg="a")
    assert (tmp_path / "x").read_text(encoding="utf-8") == "{'vgg': 'a'} True"


def test_a_member_that_has_the_name_of_another_input_is_refused():
    with pytest.raises(AffektError, match="'path'"):
        static_component(define, members=["vgg", "path"])


def test_a_definition_without_members_is_refused():
    def nothing(path: str) -> None:
        """Takes no members."""

    with pytest.raises(TypeError, match="nothing"):
        static_component(nothing, members=["vgg"])
