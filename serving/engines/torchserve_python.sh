#!/bin/sh
# What TorchServe starts as Python for a worker; see torchserve_worker.py.
exec "$AFFEKT_PYTHON" -P -m affekt.serving.engines.torchserve_worker "$@"
