"""Building layers: from what declares dependencies, or a folder, to archives that are the same on every machine."""
