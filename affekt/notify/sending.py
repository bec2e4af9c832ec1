"""Tells of the end of a scheduled run: a signed webhook (standardwebhooks.com), and a message as Slack takes it.

Neither holds a secret. Names of clips stand in an error's sentence at most, which is left out unless it is asked for.
"""

from __future__ import annotations

import base64
import binascii
import contextlib
import hashlib
import hmac
import json
import logging
import os
import time
import uuid
from collections.abc import Iterator, Mapping
from urllib.parse import urlsplit

import requests
from requests.adapters import HTTPAdapter
from urllib3 import Retry

from affekt.notify.ended import Ended
from affekt.notify.recipients import VARIABLE, Notify

logger = logging.getLogger(__name__)

#: The variable with the secret that webhooks are signed with.
SECRET = "AFFEKT_WEBHOOK_SECRET"
#: Seconds for one request, and how often it is repeated where the other side is not ready.
_TIMEOUT, _TRIES = (5.0, 15.0), 4


def tell(notify: Notify, ended: Ended, *, identity: str = "") -> bool:
    """Tell of a run's end; what does not arrive is logged, and changes nothing else.

    Args:
        notify: who is to hear of which results.
        ended: what is told.
        identity: of the webhook's message, by which one that comes twice is known; a new one by default.

    Returns:
        Whether all who were to hear of it did.
    """
    if ended.result not in notify.results:
        return True
    arrived = True
    if notify.webhook:
        body = json.dumps(ended.to_dict(), sort_keys=True).encode()
        arrived &= _sent("webhook", notify.webhook, body, signed(body, os.environ.get(SECRET, ""), identity=identity))
    if notify.slack:
        # Slack reads &, < and > as its own signs.
        text = ended.text().replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
        arrived &= _sent("slack", notify.slack, json.dumps({"text": text}).encode(), {})
    return arrived


def signed(body: bytes, secret: str, *, now: int | None = None, identity: str = "") -> dict[str, str]:
    """The headers of a webhook: id and time, and with a secret the signature of both and the body.

    Args:
        body: that is sent.
        secret: any text, or ``whsec_`` and base64.
        now: seconds since 1970.
        identity: of the message; a new one by default.
    """
    moment, name = str(int(time.time()) if now is None else now), identity or f"msg_{uuid.uuid4().hex}"
    headers = {"webhook-id": name, "webhook-timestamp": moment}
    if secret:
        digest = hmac.new(_key(secret), f"{name}.{moment}.".encode() + body, hashlib.sha256).digest()
        headers["webhook-signature"] = f"v1,{base64.b64encode(digest).decode()}"
    return headers


def _key(secret: str) -> bytes:
    if secret.startswith("whsec_"):
        try:
            return base64.b64decode(secret.removeprefix("whsec_"), validate=True)
        except binascii.Error:
            pass  # a text that begins like that
    return secret.encode()


@contextlib.contextmanager
def _connections_unheard() -> Iterator[None]:
    """Within it urllib3 logs nothing of its tries: it writes the whole address, which is a secret."""
    theirs = [logging.getLogger(f"urllib3.{part}") for part in ("connectionpool", "util.retry")]

    def nothing(record: logging.LogRecord) -> bool:
        return False

    for each in theirs:
        each.addFilter(nothing)
    try:
        yield
    finally:
        for each in theirs:
            each.removeFilter(nothing)


def _sent(kind: str, address: str, body: bytes, headers: Mapping[str, str]) -> bool:
    """Post a body; a server that is not ready is asked again, at longer and longer intervals."""
    if variable := VARIABLE.fullmatch(address):
        address = os.environ.get(variable[1], "")
        if not address:
            logger.error("%s: the variable %s is not set; nobody was told", kind, variable[1])
            return False
    retry = Retry(
        total=_TRIES, backoff_factor=0.5, status_forcelist=(429, 500, 502, 503, 504), allowed_methods=None,
        raise_on_status=False, redirect=0,
    )  # fmt: skip
    place = urlsplit(address).hostname or ""  # the rest of such an address is a secret
    try:
        with _connections_unheard(), requests.Session() as session:
            session.mount("http://", HTTPAdapter(max_retries=retry))
            session.mount("https://", HTTPAdapter(max_retries=retry))
            answer = session.post(
                address,
                data=body,
                headers={"Content-Type": "application/json", **headers},
                timeout=_TIMEOUT,
                allow_redirects=False,
            )
    except (requests.RequestException, ValueError) as error:
        logger.error("%s: %s was not told (%s)", kind, place or "nobody", type(error).__name__)
        return False
    if not 200 <= answer.status_code < 300:
        logger.error("%s: %s answers %d; it was not told", kind, place, answer.status_code)
        return False
    return True
