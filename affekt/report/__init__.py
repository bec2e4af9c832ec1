"""The evaluation as a document and as a page that stands alone."""
