"""What computes answers behind the door: TorchServe, or processes of the door's own; both run the same predictor."""
