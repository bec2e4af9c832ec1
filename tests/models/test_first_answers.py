"""The first answers of a process, which several threads ask for at once, come."""

from __future__ import annotations

import subprocess
import sys

import numpy as np

from affekt.models.bilstm.network import BiLSTM
from affekt.models.graphs.writing import write_bilstm
from affekt.models.model_folder import save_model

PROCESSES = 6
#: Several threads ask graphs of their own at the same moment, and give way to each other as often as Python lets them.
FIRST_ANSWERS = """
import sys, threading
from pathlib import Path
import numpy as np
from affekt.models.engine import Graph

graphs = [Graph(Path(sys.argv[1]), "float32") for _ in range(8)]
told = np.load(sys.argv[2])
sys.setswitchinterval(1e-6)
gate = threading.Barrier(len(graphs))

def ask(graph):
    gate.wait()
    graph(told)

threads = [threading.Thread(target=ask, args=(graph,)) for graph in graphs]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
"""


def test_threads_that_get_their_first_answers_at_once_do_not_wait_for_ever(tmp_path):
    network = BiLSTM(features=6, hidden=4, classes=7)
    save_model(
        tmp_path, "bilstm", network, labels=tuple("abcdefg"), preprocessing=None, settings={"time_steps": 8}
    )  # fmt: skip
    write_bilstm(tmp_path)
    np.save(tmp_path / "told.npy", np.zeros((2, 8, 6), np.float32))
    command = [sys.executable, "-c", FIRST_ANSWERS, str(tmp_path), str(tmp_path / "told.npy")]
    for _ in range(PROCESSES):
        subprocess.run(command, check=True, timeout=60)
