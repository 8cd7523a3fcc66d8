"""Logs as CloudWatch Logs has them: names, tokens, filter patterns, what may be put. Pure."""
