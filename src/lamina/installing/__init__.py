"""Fetching runtimes that this machine lacks: what to fetch, from where, checked, unpacked, whole or not there.

`lamina runtimes` is all that uses it. What may be fetched stands in runtimes.lock, with the digest of every file;
the layout of what comes of it, which the server reads, in docs/formats/runtimes.md.
"""
