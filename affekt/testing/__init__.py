"""Conformance checks: what is added to affekt is checked by one contract each, whoever wrote it."""

from affekt.testing.conformance import ConformanceError
from affekt.testing.detector import check_detector
from affekt.testing.feature_set import check_feature_set
from affekt.testing.fusion import check_fusion
from affekt.testing.layout import check_layout
from affekt.testing.model import check_model

__all__ = [
    "ConformanceError",
    "check_detector",
    "check_feature_set",
    "check_fusion",
    "check_layout",
    "check_model",
]
