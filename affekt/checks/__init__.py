"""What is wrong with a data set, all at once, before any work starts."""

from affekt.checks.before import check_before, remarks
from affekt.checks.findings import CheckReport, check_source
from affekt.checks.leaks import content_digests, leaks_of, refuse_copies, refuse_leaks
from affekt.checks.people import refuse_few_people

__all__ = [
    "CheckReport",
    "check_before",
    "check_source",
    "content_digests",
    "leaks_of",
    "refuse_copies",
    "refuse_few_people",
    "refuse_leaks",
    "remarks",
]
