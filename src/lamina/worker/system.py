"""What of this machine's own system every sandbox shows, read-only: programs, libraries, certificates."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from lamina.sandbox.plan import HostSystem

# /usr/local and /usr/src are the machine owner's, not the distribution's.
_FOLDERS = ("/usr/bin", "/usr/sbin", "/usr/lib", "/usr/lib32", "/usr/lib64", "/usr/libexec", "/usr/share")
_MERGED = ("/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32")
_ETC_FOLDERS = ("/etc/alternatives", "/etc/ssl/certs", "/etc/pki/ca-trust", "/etc/fonts")
_ETC_FILES = ("/etc/ld.so.cache", "/etc/localtime", "/etc/mime.types", "/etc/protocols", "/etc/services")
# Packages for the machine's own interpreter are no part of a runtime.
_HIDDEN = ("/usr/lib/python3/dist-packages",)


def look(root: Path = Path("/")) -> HostSystem:
    """The parts of the system below *root* that exist."""
    merged = [path for path in _MERGED if (root / path[1:]).exists()]
    links = {path: (root / path[1:]).readlink().as_posix() for path in merged if (root / path[1:]).is_symlink()}
    folders = [path for path in merged if path not in links]
    folders += _existing(root, _FOLDERS) + _existing(root, _ETC_FOLDERS)
    # An absolute link would lead to a place the sandbox does not have: time there is UTC, which needs no file.
    files = [path for path in _existing(root, _ETC_FILES) if not (root / path[1:]).is_symlink()]
    return HostSystem(
        links=links,
        folders=tuple(folders),
        files=tuple(files),
        hidden=tuple(_existing(root, _HIDDEN)),
        replaced=_shell(root),
    )


def _shell(root: Path) -> dict[str, str]:
    """Bash in the place of Debian's dash: /bin/sh is bash on AWS, whose tutorial for custom runtimes relies on it."""
    bash, shell = root / "usr/bin/bash", (root / "bin/sh").resolve()
    if not bash.is_file() or not shell.is_relative_to(root / "usr/bin") or shell == bash.resolve():
        return {}
    return {f"/{shell.relative_to(root)}": "/usr/bin/bash"}


def _existing(root: Path, paths: Iterable[str]) -> list[str]:
    return [path for path in paths if (root / path[1:]).exists() and not (root / path[1:]).is_symlink()]
