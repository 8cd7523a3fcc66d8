"""Sharing a layer version: the same bytes in several regions, and who may use them."""
