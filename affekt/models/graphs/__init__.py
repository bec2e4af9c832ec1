"""Trained networks as graphs of an inference engine (OpenVINO), beside their weights: written, read, run."""
