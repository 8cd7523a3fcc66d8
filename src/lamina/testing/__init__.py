"""For tests of other projects: a server of their own, and the pytest plugin that brings it."""
