"""Scores many files into one table, a row each, by a loaded model or a running server; goes on where it was ended."""

from affekt.scoring.answering import Answering
from affekt.scoring.by_server import ByServer
from affekt.scoring.score import Scored, score_files
from affekt.scoring.table import check_table

__all__ = ["Answering", "ByServer", "Scored", "check_table", "score_files"]
