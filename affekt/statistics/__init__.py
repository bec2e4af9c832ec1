"""How good score vectors are: figures with their uncertainty, and paired comparisons."""

from affekt.statistics.metrics import evaluate_scores, largest_class_share
from affekt.statistics.paired import compare_paired

__all__ = ["compare_paired", "evaluate_scores", "largest_class_share"]
