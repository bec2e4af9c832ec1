"""The container image that components run in, unless the placement of a step names another."""

import os

IMAGE = os.environ.get("AFFEKT_IMAGE", "affekt:0.1.0")
