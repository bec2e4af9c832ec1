"""Conformance checks: what is added to affekt is judged by one contract each, whoever wrote it."""

from affekt.testing.conformance import ConformanceError
from affekt.testing.model import check_model

__all__ = ["ConformanceError", "check_model"]
