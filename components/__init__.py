"""Kubeflow components: one file each, a typed signature and a body of a few lines that calls affekt.

A component's body imports all that it uses, since the source of that one function is what runs in the container.
"""
