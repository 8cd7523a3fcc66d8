"""docs/OPERATIONS.md tells of every operation, and truly."""

from __future__ import annotations

import pytest

from lamina.wire import Api
from tests.tidy.operations_page import PAGE, TABLES, built, updated


def test_the_table_of_operations_is_current() -> None:
    page = PAGE.read_text()
    assert page == updated(page), "run .venv/bin/python -m tests.tidy.operations_page"


@pytest.mark.parametrize("service", TABLES)
def test_every_handler_answers_an_operation_of_the_model(service: str) -> None:
    assert built(service) <= set(Api.load(service).operations)
