"""What exists: layers, functions, queued events, secrets. The catalog is the truth; everything else is a cache."""
