"""How good score vectors are: figures with their uncertainty, and paired comparisons."""

from affekt.statistics.metrics import Figures, evaluate_scores, largest_class_share
from affekt.statistics.paired import Paired, compare_paired

__all__ = ["Figures", "Paired", "compare_paired", "evaluate_scores", "largest_class_share"]
