"""What the zygote of a Python runtime reads ahead of the standard library (`guest/library.py`)."""

from __future__ import annotations

from typing import Final

# What requests, pandas and boto3 import of it, and with that most packages. A module may be among them, and what it
# imports, if its import says nothing, does nothing that can be seen from outside, and makes nothing that two processes
# must not share (multiprocessing makes a key) or that depends on variables of the function's (xml.sax reads one; where
# one starts with PYTHON or OPENSSL_, the function has an interpreter of its own). Each costs every zygote memory, used
# or not: 9 MB together; asyncio alone would cost 2.
READ_AHEAD: Final = (
    *("_strptime", "base64", "bz2", "calendar", "cmath", "concurrent.futures.thread", "configparser", "contextvars"),
    *("copy", "csv", "dataclasses", "datetime", "decimal", "email.message", "email.parser", "email.utils"),
    *("encodings.idna", "fcntl", "getpass", "glob", "gzip", "hashlib", "hmac", "http.client", "http.cookiejar"),
    *("http.cookies", "importlib.abc", "importlib.metadata", "importlib.resources", "importlib.util", "inspect"),
    *("ipaddress", "locale", "lzma", "mimetypes", "mmap", "pathlib", "pickle", "platform", "pprint", "queue", "random"),
    *("secrets", "shlex", "shutil", "ssl", "stringprep", "subprocess", "tarfile", "tempfile", "typing", "unicodedata"),
    *("urllib.parse", "urllib.request", "uuid", "zipfile", "zoneinfo"),
)
