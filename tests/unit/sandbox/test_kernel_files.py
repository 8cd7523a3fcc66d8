"""Numbers in files of the kernel's."""

from __future__ import annotations

import pytest

from lamina.sandbox.kernel_files import number_behind

pytestmark = pytest.mark.anybody

_STATUS = b"Name:\tVmHWM: 7\\nVmHWM:\t8 kB\nVmPeak:\t  9000 kB\nVmHWM:\t   123 kB\nThreads:\t1\n"


@pytest.mark.parametrize(
    ("text", "name", "number"),
    [
        (b"anon 4096\nanon_thp 1\nshmem 0\n", b"anon ", 4096),
        (b"anon 4096\nanon_thp 1\nshmem 0\n", b"anon_thp ", 1),
        (b"anon 4096\nshmem 12", b"shmem ", 12),
        (b"anon 4096\n", b"shmem ", 0),
        (b"", b"shmem ", 0),
        (_STATUS, b"VmHWM:", 123),
    ],
)
def test_a_number_stands_behind_the_name_that_begins_its_line(text: bytes, name: bytes, number: int) -> None:
    assert number_behind(text, name) == number
