"""How a step knows the container image that it runs in."""

#: The environment variable that names it; not there where steps are processes of a machine.
IMAGE_VARIABLE = "AFFEKT_STEP_IMAGE"
