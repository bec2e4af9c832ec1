"""Kubeflow components: one file each, a typed signature and a body of a few lines that calls affekt."""
