"""Carrying roll-outs out, at any endpoint that speaks the Lambda API."""
