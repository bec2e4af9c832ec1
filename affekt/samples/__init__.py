"""Sample clips and face images for the demo and the tests: an animated photograph with a synthetic voice.

They are not a data set of emotions: no figure measured on them is ever quoted as an accuracy.
"""

from affekt.samples.write import write_sample_faces, write_samples

__all__ = ["write_sample_faces", "write_samples"]
