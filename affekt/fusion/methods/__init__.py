"""The fusion methods of affekt, one a file with its spec."""
