"""Gives a new ensemble the clips with which whoever serves it sees whether it answers as it did here."""

from __future__ import annotations

import tempfile
from pathlib import Path

from affekt.ensemble.trials import add_trials
from affekt.samples import write_samples

#: Samples, since an ensemble goes to places where clips of its data set may not.
_CLIPS = 2


def carry_trials(ensemble: Path) -> None:
    """Put sample clips with the ensemble's answers into its folder.

    Raises:
        DataError: it is no ensemble.
    """
    with tempfile.TemporaryDirectory(prefix="affekt-trial-") as folder:
        write_samples(Path(folder, "clips"), clips_per_label=1, progress=False)
        add_trials(ensemble, sorted(Path(folder).rglob("*.mp4"))[:_CLIPS])
