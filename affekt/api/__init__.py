"""Three lines of Python: load a model, ask it about clips, look at the answers; check, train and evaluate alike."""

from affekt.api.checked import Checked, check
from affekt.api.evaluated import Evaluated, evaluate
from affekt.api.model import Model, load
from affekt.api.predictions import Failure, Prediction, Predictions
from affekt.api.trained import Trained, train
from affekt.errors import AffektError

__all__ = [
    "AffektError",
    "Checked",
    "Evaluated",
    "Failure",
    "Model",
    "Prediction",
    "Predictions",
    "Trained",
    "check",
    "evaluate",
    "load",
    "train",
]
