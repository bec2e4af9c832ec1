"""affekt: recognise the emotion of a person in a video clip from face and voice; train, promote, serve."""

__version__ = "0.1.0"
