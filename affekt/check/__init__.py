"""What is wrong with a data set, all at once, before any work starts."""

from affekt.check.before import check_before, remarks
from affekt.check.findings import CheckReport, check_source
from affekt.check.leaks import content_digests, leaks_of, refuse_copies, refuse_leaks

__all__ = [
    "CheckReport",
    "check_before",
    "check_source",
    "content_digests",
    "leaks_of",
    "refuse_copies",
    "refuse_leaks",
    "remarks",
]
