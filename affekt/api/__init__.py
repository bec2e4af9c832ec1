"""Three lines of Python: load a model, ask it about clips, look at the answers; check and evaluate data alike."""

from affekt.api.checked import Checked, check
from affekt.api.evaluated import Evaluated, evaluate
from affekt.api.model import Model, load
from affekt.api.predictions import Failure, Prediction, Predictions

__all__ = [
    "Checked",
    "Evaluated",
    "Failure",
    "Model",
    "Prediction",
    "Predictions",
    "check",
    "evaluate",
    "load",
]
