"""What the zygote of a Python runtime reads ahead of the standard library (`guest/library.py`)."""

from __future__ import annotations

from typing import Final

# What requests imports of it, and pandas and boto3 where that loads no shared library, and with that most packages. A
# module may be among them, and what it imports, if its import says nothing, does nothing that can be seen from outside,
# and makes nothing that two processes must not share (multiprocessing makes a key) or that depends on variables of the
# function's (xml.sax reads one; where one starts with PYTHON or OPENSSL_, the function has an interpreter of its own).
# Each costs every zygote memory, used or not, 8 MB together, and each shared library costs every fork 20 us; asyncio
# alone would cost 2 MB.
READ_AHEAD: Final = (
    *("_strptime", "base64", "bz2", "calendar", "concurrent.futures.thread", "contextvars", "copy", "dataclasses"),
    *("datetime", "decimal", "email.message", "email.parser", "email.utils", "encodings.idna", "glob", "gzip"),
    *("hashlib", "hmac", "http.client", "http.cookiejar", "http.cookies", "importlib.abc", "importlib.metadata"),
    *("importlib.resources", "importlib.util", "inspect", "ipaddress", "locale", "lzma", "mimetypes", "pathlib"),
    *("pickle", "platform", "pprint", "queue", "random", "secrets", "shlex", "shutil", "ssl", "stringprep"),
    *("subprocess", "tempfile", "typing", "unicodedata", "urllib.parse", "urllib.request", "zipfile"),
)
