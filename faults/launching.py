"""Becomes a program whose system calls are watched. Arguments: the descriptor to hand the listener to, the program."""

from __future__ import annotations

import os
import socket
import sys

from faults import listener


def main() -> None:
    """Does not return."""
    with socket.socket(fileno=int(sys.argv[1])) as through:
        descriptor = listener.install()
        listener.hand_over(through, descriptor)
    os.close(descriptor)
    os.execvp(sys.argv[2], sys.argv[2:])
