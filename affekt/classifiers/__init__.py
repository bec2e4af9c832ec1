"""scikit-learn classifiers as plain arrays: fitted by scikit-learn, stored as safetensors, evaluated by numpy.

Why not the estimators themselves, skops or ONNX: a 500-tree forest of scikit-learn answers one row in 24 ms, of numpy
arrays in well under one; a classifier that is nothing but arrays needs no pickle, no list of trusted types, no further
package, and does not change its answers when scikit-learn is upgraded. The answers are scikit-learn's own to 1e-9.
"""

from affekt.classifiers.linear import LinearSoftmax, fit_logistic
from affekt.classifiers.moments import Moments
from affekt.classifiers.person import PersonClassifier, rows_of
from affekt.classifiers.storage import load_classifiers, save_classifiers
from affekt.classifiers.stored import ArrayClassifier
from affekt.classifiers.svc import CalibratedSvc, choose_c, fit_svc
from affekt.classifiers.trees import TreeEnsemble, fit_adaboost, fit_forest

__all__ = [
    "ArrayClassifier",
    "CalibratedSvc",
    "LinearSoftmax",
    "Moments",
    "PersonClassifier",
    "TreeEnsemble",
    "choose_c",
    "fit_adaboost",
    "fit_forest",
    "fit_logistic",
    "fit_svc",
    "load_classifiers",
    "rows_of",
    "save_classifiers",
]
