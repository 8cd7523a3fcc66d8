"""What AWS's runtimes bring along below a function: the system's libraries, and what Python finds without a layer.

The library lists are the sonames of the packages that AWS's base images for al2023 and al2 are known to have, and
glibc's symbol versions those of these packages. They were put together from what is known of the packages, not read
from an image: where an image has more, `lamina check` calls a library missing that is there.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from lamina.functions.runtimes import Language

_EVERYWHERE: Final = frozenset(
    (
        *("ld-linux-x86-64.so.2", "ld-linux-aarch64.so.1", "linux-vdso.so.1", "libc.so.6", "libm.so.6", "libdl.so.2"),
        *("libpthread.so.0", "librt.so.1", "libutil.so.1", "libresolv.so.2", "libnsl.so.1", "libanl.so.1"),
        *("libthread_db.so.1", "libBrokenLocale.so.1", "libnss_files.so.2", "libnss_dns.so.2", "libmvec.so.1"),
        *("libgcc_s.so.1", "libstdc++.so.6", "libz.so.1", "libbz2.so.1", "liblzma.so.5", "libzstd.so.1"),
        *("libcurl.so.4", "libexpat.so.1", "libsqlite3.so.0", "libxml2.so.2", "libarchive.so.13", "liblz4.so.1"),
        *("libgssapi_krb5.so.2", "libkrb5.so.3", "libk5crypto.so.3", "libkrb5support.so.0", "libcom_err.so.2"),
        *("libglib-2.0.so.0", "libgobject-2.0.so.0", "libgio-2.0.so.0", "libgmodule-2.0.so.0", "libgthread-2.0.so.0"),
        *("libacl.so.1", "libattr.so.1", "libcap.so.2", "libselinux.so.1", "libaudit.so.1", "libkeyutils.so.1"),
        *("libblkid.so.1", "libmount.so.1", "libuuid.so.1", "libsmartcols.so.1", "libmagic.so.1", "libgmp.so.10"),
        *("libgcrypt.so.20", "libgpg-error.so.0", "libgpgme.so.11", "libassuan.so.0", "libidn2.so.0", "libpsl.so.5"),
        *("libnghttp2.so.14", "libunistring.so.0", "libtasn1.so.6", "libp11-kit.so.0", "libverto.so.1"),
        *("libncurses.so.6", "libncursesw.so.6", "libtinfo.so.6", "libpopt.so.0", "librpm.so.9", "librpmio.so.9"),
    )
)
_ONLY_2023: Final = frozenset(
    (
        *("libssl.so.3", "libcrypto.so.3", "libcrypt.so.2", "libffi.so.8", "libreadline.so.8", "libpcre2-8.so.0"),
        *("libunistring.so.2", "libjson-c.so.5", "libyaml-0.so.2", "libmpfr.so.6", "libsepol.so.2", "libcap-ng.so.0"),
        *("libsolv.so.1", "libpcre2-posix.so.2", "libpcre2-posix.so.3", "libsigsegv.so.2", "libnpth.so.0"),
    )
)
_ONLY_2: Final = frozenset(
    (
        *("libssl.so.10", "libcrypto.so.10", "libcrypt.so.1", "libffi.so.6", "libreadline.so.6", "libpcre.so.1"),
        *("libnss3.so", "libnssutil3.so", "libsmime3.so", "libssl3.so", "libnspr4.so", "libplc4.so", "libplds4.so"),
        *("libldap-2.4.so.2", "libldap_r-2.4.so.2", "liblber-2.4.so.2", "libsasl2.so.3", "libssh2.so.1"),
        *("libdb-5.3.so", "libgdbm.so.4", "libelf.so.1", "libdw.so.1", "libsepol.so.1", "liblua-5.1.so"),
        *("libpcrecpp.so.0", "libpcreposix.so.0", "libpth.so.20", "libidn.so.11", "libmetalink.so.3", "librpm.so.3"),
    )
)

# Distributions that every Python runtime has, whether or not a layer brings its own.
PYTHON_DISTRIBUTIONS: Final = frozenset(
    (
        *("boto3", "botocore", "s3transfer", "jmespath", "python-dateutil", "six", "urllib3"),
        *("awslambdaric", "simplejson", "snapshot-restore-py"),
    )
)


@dataclass(frozen=True, slots=True)
class Base:
    """A system below runtimes. `glibc` and what follows are the newest symbol versions that it defines."""

    name: str
    glibc: tuple[int, ...]
    glibcxx: tuple[int, ...]
    cxxabi: tuple[int, ...]
    libraries: frozenset[str]


AL2023: Final = Base("Amazon Linux 2023", (2, 34), (3, 4, 29), (1, 3, 13), _EVERYWHERE | _ONLY_2023)
AL2: Final = Base("Amazon Linux 2", (2, 26), (3, 4, 24), (1, 3, 11), _EVERYWHERE | _ONLY_2)

# The first version of each language on Amazon Linux 2023.
_SINCE: Final = {"python": (3, 12), "nodejs": (20,), "java": (21,), "ruby": (3, 3), "dotnet": (8,)}


def base_of(runtime: str | None) -> Base:
    """The system below *runtime*; of none, the newest."""
    if runtime is None or runtime.endswith(".al2023"):
        return AL2023
    if runtime.endswith(".al2"):
        return AL2
    language = Language.of(runtime)
    since = _SINCE.get(language.family)
    return AL2 if since is not None and version_numbers(language.version) < since else AL2023


def version_numbers(text: str) -> tuple[int, ...]:
    """The numbers of a version: (3, 12) of "3.12"; what is no number ends it."""
    numbers = []
    for part in text.split("."):
        if not part.isdigit():
            break
        numbers.append(int(part))
    return tuple(numbers)
