"""Tells of the end of a scheduled run: who hears of it, what is told, and how it is sent."""

from affekt.notify.ended import EVENT, Ended
from affekt.notify.recipients import RESULTS, Notify
from affekt.notify.sending import signed, tell

__all__ = ["EVENT", "RESULTS", "Ended", "Notify", "signed", "tell"]
