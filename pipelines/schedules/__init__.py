"""Trainings that start again by the clock: a file says which, a plan what it changes, back ends keep them."""
