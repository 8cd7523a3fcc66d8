"""docs/OPERATIONS.md tells of every operation, and truly."""

from __future__ import annotations

from lamina.wire import Api
from tests.tidy.operations_page import PAGE, built, updated


def test_the_table_of_operations_is_current() -> None:
    page = PAGE.read_text()
    assert page == updated(page), "run .venv/bin/python -m tests.tidy.operations_page"


def test_every_handler_answers_an_operation_of_the_model() -> None:
    assert built() <= set(Api.load("lambda").operations)
