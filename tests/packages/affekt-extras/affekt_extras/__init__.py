"""What affekt does not have: a data set layout, a fusion method and a face detector, one a file."""
