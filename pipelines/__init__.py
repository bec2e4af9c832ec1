"""The training graph, where its steps run, and the ways to run it."""
