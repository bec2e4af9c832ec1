"""How good score vectors are: figures with their uncertainty, paired comparisons, breakdowns, and the report."""

from affekt.evaluation.confusions import write_confusions
from affekt.evaluation.document import evaluate_table, of_images
from affekt.evaluation.metrics import evaluate_scores, largest_class_share
from affekt.evaluation.paired import compare_paired
from affekt.evaluation.report import write_report
from affekt.evaluation.thumbnails import thumbnail

__all__ = [
    "compare_paired",
    "evaluate_scores",
    "evaluate_table",
    "largest_class_share",
    "of_images",
    "thumbnail",
    "write_confusions",
    "write_report",
]
