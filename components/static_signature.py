"""Makes Kubeflow components of a definition that takes any number of trained members.

The compiler reads a component's inputs from a fixed signature, names its task after the function, and sends the
function's source to where the step runs. A definition with ``**members`` has neither fixed inputs nor a name for each
model, and one file for each model would differ from the next in its name only. So the definition's source is given
the name and an input for each member here, and nothing else in it changes.
"""

import ast
import inspect
import linecache
import textwrap
from collections.abc import Callable, Sequence
from typing import Any

from kfp import dsl

from affekt.components.image import IMAGE
from affekt.errors import AffektError


def static_component(definition: Callable[..., None], *, name: str = "", members: Sequence[str] = ()) -> Any:
    """The component of a definition for certain members.

    Args:
        definition: a function at the top of its module whose ``**members: Input[Model]`` (whatever its name) are the
            folders of trained members by name; all else is as Kubeflow Pipelines wants a component.
        name: of the component and its tasks, as ``train-vgg``; that of the definition by default.
        members: names of the members that are given, each an input of its own.

    Raises:
        AffektError: a member has the name of another input.
    """
    name = name.replace("-", "_") or definition.__name__
    source = _static_source(definition, name, members)
    file = f"<{name}({', '.join(members)}) of {definition.__module__}>"
    # inspect.getsource, by which the compiler reads a function, asks here for what lies in no file.
    linecache.cache[file] = (len(source), None, source.splitlines(keepends=True), file)
    namespace = dict(definition.__globals__)
    exec(compile(source, file, "exec"), namespace)
    return dsl.component(namespace[name], base_image=IMAGE, install_kfp_package=False)


def _static_source(definition: Callable[..., None], name: str, members: Sequence[str]) -> str:
    """The definition's source under another name, with an input for each member instead of ``**members``."""
    source = textwrap.dedent(inspect.getsource(definition))
    function = ast.parse(source).body[0]
    assert isinstance(function, ast.FunctionDef)
    given, arguments = function.args.kwarg, function.args
    if given is None or given.annotation is None:
        raise TypeError(f"{definition.__name__} takes no annotated **members")
    taken = {argument.arg for argument in (*arguments.args, *arguments.kwonlyargs)} & set(members)
    if taken:
        raise AffektError(
            f"the model {min(taken)!r} has the name of an input of the component {definition.__name__}; rename it",
            code="extension_broken",
        )
    lines = source.splitlines(keepends=True)
    # From below upward, so that the tree's line numbers stay true.
    body = next(node for node in function.body if not _is_docstring(node))
    collected = ", ".join(f'"{member}": {member}' for member in members)
    lines.insert(body.lineno - 1, f"{' ' * body.col_offset}{given.arg} = {{{collected}}}\n")
    row, annotation = given.lineno - 1, ast.unparse(given.annotation)
    inputs = [f"{member}: {annotation}" for member in members]
    star = ["*"] if inputs and not arguments.kwonlyargs else []
    before, after = lines[row][: given.col_offset].rstrip().removesuffix("**"), lines[row][given.end_col_offset :]
    lines[row] = f"{before}{', '.join(star + inputs)}{after if inputs else after.removeprefix(',')}"
    first = function.lineno - 1
    lines[first] = lines[first].replace(f"def {definition.__name__}(", f"def {name}(", 1)
    return "".join(lines[first:])


def _is_docstring(node: ast.stmt) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)
