"""Runs steps of a pipeline on this machine side by side where neither reads what the other makes.

KFP 2.17's local runner takes the tasks of a pipeline one after the other, in an order in which each comes behind those
that it reads. Here its walk over them goes on while they run: a task starts when those that it reads are done and
there is a core for it, and its outputs are waited for where they are asked for.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from kfp.local import io, status
from kfp.local.orchestrator import enhanced_dag_orchestrator as orchestrator

from affekt import machine
from affekt.errors import AffektError
from affekt.extensions import members_needed, model_spec
from affekt.pipelines.placement import resources_of
from affekt.processes import ONE_THREAD, SAME_MEMORY_AGAIN

#: Bytes of memory for each step that runs at a time; the small preset's networks take half of that.
MEMORY_OF_A_STEP = 4 << 30
#: By what the driver of NVIDIA's cards shows them.
_CARDS = Path("/dev")


def networks_beside(models: Sequence[str]) -> bool:
    """Whether of the networks that are trained for these models two do not wait for each other."""
    networks = [name for name in members_needed(models) if model_spec(name).resources.gpus]
    return any(
        one not in members_needed([other]) and other not in members_needed([one])
        for one, other in itertools.combinations(networks, 2)
    )


def threads_of_a_step(beside: bool = True) -> int:
    """Threads of each step: those of ``OMP_NUM_THREADS``, else half of the cores.

    It does not depend on what runs at the time: with another number of threads, sums are rounded otherwise.

    Args:
        beside: whether two networks can be trained at a time; where not, a step has all cores.
    """
    return machine.threads_told() or max(1, machine.whole_cores() // (1 + beside))


def steps_at_once(threads: int) -> int:
    """How many steps of so many threads run at a time: as there are cores and memory for, at least one."""
    return max(1, min(machine.whole_cores() // threads, machine.memory() // MEMORY_OF_A_STEP))


def environment(threads: int) -> dict[str, str]:
    """Variables of a step's process that has so many threads; those that are set already stay."""
    variables = {**dict.fromkeys(ONE_THREAD, str(threads)), **SAME_MEMORY_AGAIN}
    return {name: os.environ.get(name) or value for name, value in variables.items()}


def has_card(folder: Path = _CARDS) -> bool:
    """Whether there is one of NVIDIA's cards, of which a step that trains a network takes all."""
    return any(folder.glob("nvidia[0-9]*"))


class NotMade(RuntimeError):
    """An output is asked for whose task did not end well."""


@dataclass(eq=False)
class _Task:
    name: str
    needs: list[_Task]
    run: Callable[[], tuple[Mapping[str, Any], status.Status]]
    store: Any
    urgency: tuple[int, int]
    card: bool
    over: bool = False
    failed: bool = False
    error: BaseException | None = None


@dataclass
class _Walk:
    """KFP's walk over one group of tasks, in the thread that walks."""

    heights: Mapping[str, int]
    tasks: list[_Task] = field(default_factory=list)


class SideBySide:
    """The tasks of a run.

    Args:
        at_once: how many run at a time.
        one_card: whether tasks that ask for a card run one at a time.
        end: tells the tasks that run to end; called when the run is interrupted.
    """

    def __init__(self, at_once: int, *, one_card: bool = False, end: Callable[[], None] = lambda: None) -> None:
        self._free, self._one_card, self._end = at_once, one_card, end
        self._changed = threading.Condition()
        self._waiting: list[_Task] = []
        self._card_taken = False
        self._walks = threading.local()
        self._stopped = False

    @contextlib.contextmanager
    def applied(self) -> Iterator[None]:
        """Within it, KFP's local runner runs tasks so."""
        replaced = orchestrator.execute_task, orchestrator.run_enhanced_dag, io.IOStore
        started_by_kfp, walked_by_kfp, store_of_kfp = replaced
        tasks = self

        class Store(store_of_kfp):  # type: ignore[valid-type,misc]
            """KFP's store of outputs, which waits for those that are being made."""

            def __init__(self, parent: Any = None) -> None:
                super().__init__(parent)
                self.made_by: dict[str, _Task] = {}

            def get_task_output(self, task_name: str, key: str) -> Any:
                if task_name in self.made_by:
                    tasks._wait(self.made_by[task_name])
                return super().get_task_output(task_name, key)

        def execute(**given: Any) -> tuple[Mapping[str, Any], status.Status]:
            return tasks._execute(started_by_kfp, given)

        def walk(**given: Any) -> tuple[Mapping[str, Any], status.Status]:
            return tasks._walk(walked_by_kfp, given)

        orchestrator.execute_task, orchestrator.run_enhanced_dag, io.IOStore = execute, walk, Store
        try:
            yield
        finally:
            orchestrator.execute_task, orchestrator.run_enhanced_dag, io.IOStore = replaced

    def _walk(self, walk: Callable[..., Any], given: dict[str, Any]) -> tuple[Mapping[str, Any], status.Status]:
        """KFP's walk over a group of tasks, and the end of all that it started."""
        before = getattr(self._walks, "here", None)
        here = self._walks.here = _Walk(_heights(given["dag_component_spec"].dag.tasks))
        try:
            with contextlib.suppress(NotMade):
                outputs, ended = walk(**given)
            self._wait(*here.tasks, well=False)
        except BaseException:
            self._stop(here)
            raise
        finally:
            self._walks.here = before
        failed = [task for task in here.tasks if task.failed]
        for task in failed:
            if task.error is not None:
                raise task.error
        if failed:
            given["fail_stack"].extend(task.name for task in failed)
            return {}, status.Status.FAILURE
        return outputs, ended

    def _execute(self, execute: Callable[..., Any], given: dict[str, Any]) -> tuple[Mapping[str, Any], status.Status]:
        """Start a task when it can be, and go on; a group of tasks is walked over here and at once."""
        name, spec, store = given["task_name"], given["task_spec"], given["io_store"]
        here: _Walk | None = getattr(self._walks, "here", None)
        needs = [store.made_by[other] for other in spec.dependent_tasks if other in store.made_by]
        component = spec.component_ref.name
        if here is None or given["components"][component].WhichOneof("implementation") == "dag":
            self._wait(*needs)
            result: tuple[Mapping[str, Any], status.Status] = execute(**given)
            return result
        seconds, card = _asked(component.removeprefix("comp-"))
        task = _Task(name, needs, lambda: execute(**given), store, (here.heights[name], seconds), card)
        store.made_by[name] = task
        here.tasks.append(task)
        with self._changed:
            self._waiting.append(task)
            self._start_ready()
        return {}, status.Status.SUCCESS

    def _start_ready(self) -> None:
        """Start what can be started, first that on which most depends; the lock is held."""
        for task in [task for task in self._waiting if self._stopped or any(need.failed for need in task.needs)]:
            self._waiting.remove(task)
            task.over = task.failed = True
            self._changed.notify_all()
            return self._start_ready()
        ready = [
            task
            for task in self._waiting
            if all(need.over for need in task.needs) and not (task.card and self._one_card and self._card_taken)
        ]
        if ready and self._free:
            task = max(ready, key=lambda task: task.urgency)
            self._waiting.remove(task)
            self._free -= 1
            self._card_taken |= task.card
            threading.Thread(target=self._run, args=(task,), name=task.name, daemon=True).start()
            return self._start_ready()
        return None

    def _run(self, task: _Task) -> None:
        try:
            outputs, ended = task.run()
            for key, value in outputs.items():
                task.store.put_task_output(task.name, key, value)
            task.failed = ended != status.Status.SUCCESS
        except BaseException as error:
            task.error, task.failed = error, True
        with self._changed:
            task.over = True
            self._free += 1
            if task.card:
                self._card_taken = False
            self._start_ready()
            self._changed.notify_all()

    def _wait(self, *tasks: _Task, well: bool = True) -> None:
        """Wait for the end of tasks.

        Raises:
            NotMade: one was to end well, and did not.
        """
        with self._changed:
            self._changed.wait_for(lambda: all(task.over for task in tasks))
        for task in tasks:
            if well and task.failed:
                raise NotMade(task.name)

    def _stop(self, here: _Walk) -> None:
        """Start nothing more, and wait for what runs and has been told to end."""
        with self._changed:
            self._stopped = True
            self._start_ready()
        self._end()
        self._wait(*here.tasks, well=False)


def _heights(tasks: Mapping[str, Any]) -> dict[str, int]:
    """Of each task the length of the longest chain of tasks that wait for it."""
    found: dict[str, int] = {}

    def height(name: str) -> int:
        if name not in found:
            readers = [other for other, spec in tasks.items() if name in spec.dependent_tasks]
            found[name] = 1 + max(map(height, readers), default=0)
        return found[name]

    return {name: height(name) for name in tasks}


def _asked(component: str) -> tuple[int, bool]:
    """How long a component may take, seconds, and whether it asks for a card; nothing of one that nobody placed."""
    try:
        row = resources_of(component)
    except AffektError:
        return 0, False
    return row.timeout_seconds, bool(row.gpus)
