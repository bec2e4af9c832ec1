"""The door: the ASGI application that owns the contract with clients, in front of an engine that computes answers."""
