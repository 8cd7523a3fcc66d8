"""Carries environment plans out: interpreters, zygotes, environments, and who of them takes the next invocation."""
