"""The trees and manifests of the data set tests, for the check that reads them."""

from tests.dataset.conftest import make_clip, manifest, tree

__all__ = ["make_clip", "manifest", "tree"]
