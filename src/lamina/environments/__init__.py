"""The life of an execution environment: what it is made from, which one to reuse, start or end."""
