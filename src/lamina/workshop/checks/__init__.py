"""What can be known to be wrong with layers before anybody attaches them: one rule for each fault. Pure."""

from __future__ import annotations
