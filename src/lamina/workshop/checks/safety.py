"""LAM60x: what should not lie in a layer, or not with these permissions."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator
from typing import Final

from lamina.workshop.artifacts import Entry, Kind
from lamina.workshop.checks.attached import Attached, Examined
from lamina.workshop.checks.findings import Fault, Rule, Severity, listed

_READ_BYTES_MAX: Final = 1 << 20
_SECRETS: Final = (
    ("a private key", re.compile(rb"-----BEGIN (?:[A-Z0-9]+ )*PRIVATE KEY-----\s+[A-Za-z0-9+/=\s]{64}")),
    ("an AWS access key", re.compile(rb"(?<![A-Z0-9])(?:AKIA|ASIA)(?![A-Z0-9]{0,12}EXAMPLE)[A-Z2-7]{16}(?![A-Z0-9])")),
    (
        "an AWS secret key",
        re.compile(rb"(?i)aws_secret_access_key['\"]?\s*[=:]\s*['\"]?[A-Za-z0-9/+]{40}(?![A-Za-z0-9/+=])"),
    ),
    (
        "a GitHub token",
        re.compile(rb"(?<![A-Za-z0-9_])(?:gh[pousr]_[A-Za-z0-9]{36}|github_pat_[A-Za-z0-9_]{82})(?![A-Za-z0-9_])"),
    ),
    ("a Slack token", re.compile(rb"xox[abprs]-[0-9]{8,}-[A-Za-z0-9-]{16,}")),
    ("a registry's token", re.compile(rb"(?m)^[^#\n]*:_authToken\s*=\s*(?!\$\{)[^\s$]{8,}")),
    ("a package index's token", re.compile(rb"pypi-AgE[A-Za-z0-9_-]{40,}")),
    ("a Stripe key", re.compile(rb"(?<![A-Za-z0-9_])[rs]k_live_[A-Za-z0-9]{24,}")),
)
_PRIVATE: Final = re.compile(
    r"(?:.*/)?(?:\.env(?:\.(?:local|production|prod|dev|development|staging))?|\.netrc|\.pgpass|\.pypirc|\.git-credentials"
    r"|id_(?:rsa|dsa|ecdsa|ed25519)|\.aws/credentials|\.docker/config\.json|\.htpasswd)"
)


def _secrets(attached: Attached) -> Iterator[Fault]:
    for examined in attached.all:
        found: defaultdict[str, list[str]] = defaultdict(list)
        for entry in examined.artifact.files:
            # What came with a public package is public: tests of TLS clients carry keys.
            if entry.path not in examined.owner and (what := _secret(examined, entry)) is not None:
                found[what].append(entry.path)
        for what, paths in found.items():
            yield Fault(
                examined.name,
                tuple(paths),
                f"{listed(paths, 1)} holds {what}, and whoever may read the layer can read it",
                "Take it out, and replace it where it is valid: it may have been seen. Functions get secrets from "
                "Secrets Manager, Parameter Store or their role.",
            )


def _secret(examined: Examined, entry: Entry) -> str | None:
    if entry.size > _READ_BYTES_MAX or entry.path in examined.elves:
        return None
    if _PRIVATE.fullmatch(entry.path) and entry.size:
        return "credentials by its name"
    data = examined.artifact.read(entry.path)
    return next((what for what, pattern in _SECRETS if pattern.search(data)), None)


def _writable(attached: Attached) -> Iterator[Fault]:
    yield from _with_mode(
        attached,
        0o002,
        "may be written by everybody",
        "chmod -R go-w before zipping. In /opt nobody can write, but the archive may be unpacked elsewhere.",
    )


def _set_id(attached: Attached) -> Iterator[Fault]:
    yield from _with_mode(
        attached,
        0o6000,
        "would run as its owner (setuid or setgid), which a function's sandbox does not do",
        "chmod -R ug-s before zipping, and do without: a function has no rights to gain.",
    )


def _with_mode(attached: Attached, bits: int, says: str, mend: str) -> Iterator[Fault]:
    for examined in attached.all:
        entries = examined.artifact.entries
        paths = tuple(entry.path for entry in entries if entry.kind is not Kind.LINK and entry.mode & bits)
        if paths:
            yield Fault(examined.name, paths, f"{listed(paths)} {says}", mend)


def _unreadable(attached: Attached) -> Iterator[Fault]:
    for examined in attached.all:
        paths = tuple(
            entry.path
            for entry in examined.artifact.entries
            if (entry.kind is Kind.FILE and not entry.mode & 0o004)
            or (entry.kind is Kind.FOLDER and entry.mode & 0o005 != 0o005)
        )
        if paths:
            yield Fault(
                examined.name,
                paths,
                f"{listed(paths)} may be read by its owner alone, and a function runs as another user on AWS",
                "chmod -R a+rX before zipping.",
            )


RULES = (
    Rule("LAM601", Severity.ERROR, "secret", _secrets),
    Rule("LAM602", Severity.WARNING, "writable by everybody", _writable),
    Rule("LAM603", Severity.WARNING, "setuid or setgid", _set_id),
    Rule("LAM604", Severity.ERROR, "not readable by the function", _unreadable),
)
