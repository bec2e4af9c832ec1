"""Models that answer: one folder a model, what it is in its spec, its network, and its answers to a prepared clip."""
