"""Sample clips and face images for the demo and the tests: an animated photograph with a synthetic voice.

They are not a data set of emotions: no figure measured on them is ever quoted as an accuracy.
"""

from affekt.dataset.samples.write import SAMPLE_SOURCE, write_sample_faces, write_samples

__all__ = ["SAMPLE_SOURCE", "write_sample_faces", "write_samples"]
