"""What the steps ask of a cluster: profiles as data, what they mean for a step, and a lint of the result."""
