"""Fields of tasks and answers that are between the door and its workers, and no caller's."""

from __future__ import annotations

#: The field of an answer with the seconds of each stage, which the door takes out unless they are asked for.
TIMINGS = "timings"
#: Of a task, what a person's earlier clips showed; of its answer, what this clip adds to that, for the door alone.
PERSON = "person"
