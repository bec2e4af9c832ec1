"""The container image that components run in, unless the placement of a step names another."""

import os

from affekt import __version__

IMAGE = os.environ.get("AFFEKT_IMAGE", f"affekt:{__version__}")
