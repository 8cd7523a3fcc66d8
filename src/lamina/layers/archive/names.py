"""The names of entries: from bytes to a relative path that can be created, or a refusal."""

from __future__ import annotations

import re
import zlib

from lamina.layers.archive.directory import extra_fields
from lamina.layers.archive.errors import refused

COMPONENT_BYTES_MAX = 255
# PATH_MAX counts the final NUL; the longest place an archive is unpacked to, seen from inside, is /var/task/.
PATH_BYTES_MAX = 4096 - 1 - len("/var/task/")
# Whoever walks a tree holds a descriptor per level.
FOLDERS_DEEP_MAX = 128

_FLAG_UTF8 = 0x0800
_EXTRA_UNICODE_PATH = 0x7075
# A component that is empty, "." or "..".
_ODD_COMPONENT = re.compile(r"(?:^|/)\.{0,2}(?:/|$)")


def decode_name(raw: bytes, flags: int, extra: bytes) -> str:
    """The name as text.

    UTF-8 when the flag says so. Without it the format means code page 437, but macOS's archiver and many others write
    UTF-8 there, and Info-ZIP adds the name in UTF-8 as an extra field: these come first, since text in code page 437
    that happens to be valid UTF-8 consists of box-drawing characters.
    """
    if raw.isascii():
        return raw.decode("ascii")
    if flags & _FLAG_UTF8:
        try:
            return raw.decode("utf-8")
        except UnicodeDecodeError:
            raise refused(raw, "its name is marked as UTF-8 and is not") from None
    unicode_path = extra_fields(extra).get(_EXTRA_UNICODE_PATH, b"")
    # Version 1, then the checksum of the name it stands for: a tool that renamed the entry left the field behind.
    if unicode_path[:1] == b"\x01" and int.from_bytes(unicode_path[1:5], "little") == zlib.crc32(raw):
        try:
            return unicode_path[5:].decode("utf-8")
        except UnicodeDecodeError:
            raise refused(raw, "its Unicode name is not UTF-8") from None
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        return raw.decode("cp437")


def parse_name(name: str) -> tuple[str, bool]:
    """*name* as a path, and whether it is spelled as a folder. The path is "" for the root itself (`./`).

    Backslashes and drive letters are ordinary characters here, as on AWS: on Linux they lead nowhere.
    `.` and doubled slashes are dropped as the kernel does; `..` and absolute names are refused wherever they lead.
    """
    if not name:
        raise refused(name, "it has no name")
    if "\0" in name:
        raise refused(name, "its name has a NUL byte")
    if name[0] == "/":
        raise refused(name, "its name is absolute")
    is_folder = name[-1] == "/"
    path = name[:-1] if is_folder else name
    if _ODD_COMPONENT.search(path):
        components = path.split("/")
        if ".." in components:
            raise refused(name, "its name has a component '..'")
        is_folder = is_folder or components[-1] in {"", "."}
        path = "/".join(component for component in components if component not in {"", "."})
    _check_lengths(name, path)
    return path, is_folder


def _check_lengths(name: str, path: str) -> None:
    if path.count("/") > FOLDERS_DEEP_MAX:
        raise refused(name, f"it lies deeper than {FOLDERS_DEEP_MAX} folders")
    # A character takes at most four bytes of UTF-8.
    if len(path) * 4 <= COMPONENT_BYTES_MAX:
        return
    encoded = path.encode("utf-8")
    if len(encoded) > PATH_BYTES_MAX:
        raise refused(name, f"its name is longer than {PATH_BYTES_MAX} bytes")
    if len(encoded) > COMPONENT_BYTES_MAX and max(map(len, encoded.split(b"/"))) > COMPONENT_BYTES_MAX:
        raise refused(name, f"a component of its name is longer than {COMPONENT_BYTES_MAX} bytes")
