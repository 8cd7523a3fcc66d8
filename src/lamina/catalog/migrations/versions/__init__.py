"""One module per revision, named r<number>_<what it brings>; a revision is never edited after a release."""
