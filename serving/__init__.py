"""TorchServe with an ensemble in it: handler, archive, local server, rollout, check, and the client."""
