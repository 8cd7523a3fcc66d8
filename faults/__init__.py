"""Faults at every point where a running server changes its state folder: kills, failing disks, full ones."""
