"""SciPy's special functions of distributions, imported at their first use: most commands need none, and SciPy takes a
quarter of a second.
"""

from __future__ import annotations

from typing import Any


def ndtr(x: Any) -> Any:
    """The distribution function of the standard normal distribution."""
    from scipy.special import ndtr as found  # heavy: scipy

    return found(x)


def ndtri(p: Any) -> Any:
    """The quantile of the standard normal distribution."""
    from scipy.special import ndtri as found  # heavy: scipy

    return found(p)


def stdtrit(degrees: Any, p: Any) -> Any:
    """The quantile of Student's distribution with so many degrees of freedom."""
    from scipy.special import stdtrit as found  # heavy: scipy

    return found(degrees, p)


def bdtr(successes: Any, trials: Any, p: Any) -> Any:
    """The chance of at most so many successes in so many trials."""
    from scipy.special import bdtr as found  # heavy: scipy

    return found(successes, trials, p)


def bdtrc(successes: Any, trials: Any, p: Any) -> Any:
    """The chance of more than so many successes in so many trials."""
    from scipy.special import bdtrc as found  # heavy: scipy

    return found(successes, trials, p)
