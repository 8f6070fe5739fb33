"""Sparse autoencoders in the files of other libraries, in and out."""
