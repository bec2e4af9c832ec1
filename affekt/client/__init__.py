"""Asks a running server about clips: ``Client`` waits for answers, ``AsyncClient`` is awaited.

>>> with Client("http://127.0.0.1:8080") as client:        # doctest: +SKIP
...     print(client.predict("clip.mp4").label)
"""

from affekt.client.awaited import AsyncClient
from affekt.client.client import Client, prediction_url
from affekt.client.in_order import in_order
from affekt.client.prediction import Prediction

__all__ = ["AsyncClient", "Client", "Prediction", "in_order", "prediction_url"]
