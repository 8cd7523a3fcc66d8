"""Why an archive is refused, as kinds; each knows the error that AWS answers with."""

from __future__ import annotations

from lamina import errors
from lamina.layers import sizes


class ArchiveError(Exception):
    """An uploaded archive that is refused. `str()` says why, for a log or a tool; `api_error` is the API's answer."""

    @property
    def api_error(self) -> errors.ApiError:
        raise NotImplementedError


class ArchiveUnreadable(ArchiveError):
    """Not a zip archive, a damaged one, or one that does what no honest tool does."""

    @property
    def api_error(self) -> errors.ApiError:
        return errors.invalid_parameter_value(
            "Could not unzip uploaded file. Please check your file, then try to upload again."
        )


class LinkLeadsOut(ArchiveUnreadable):
    """A sound archive with a link that could be followed to somewhere else on the machine."""


class ArchiveEmpty(ArchiveError):
    """A sound zip archive with nothing in it."""

    def __init__(self) -> None:
        super().__init__("the archive has no entries")

    @property
    def api_error(self) -> errors.ApiError:
        return errors.invalid_parameter_value("Uploaded file must be a non-empty zip")


class ArchiveTooLarge(ArchiveError):
    """Unzipped, the archive would take more than *allowed_bytes*: AWS's limit, less what the layers of a function
    take when its code is uploaded.
    """

    def __init__(self, allowed_bytes: int) -> None:
        super().__init__(f"unzips to more than {allowed_bytes} bytes")
        self.allowed_bytes = allowed_bytes

    @property
    def api_error(self) -> errors.ApiError:
        return sizes.unzipped_too_large(self.allowed_bytes)


def refused(name: str | bytes, why: str, kind: type[ArchiveUnreadable] = ArchiveUnreadable) -> ArchiveUnreadable:
    """The refusal of one entry, its name shortened and safe to print."""
    shown = repr(name if len(name) <= 120 else name[:120]) + ("" if len(name) <= 120 else "…")
    return kind(f"entry {shown}: {why}")
