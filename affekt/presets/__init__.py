"""Presets: paper.yaml holds every figure of the paper, small.yaml what two CPU cores need."""
