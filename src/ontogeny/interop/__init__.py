"""Other people's files and models, in and out."""
