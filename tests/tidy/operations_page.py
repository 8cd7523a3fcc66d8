"""Write the table of all operations into docs/OPERATIONS.md: `.venv/bin/python -m tests.tidy.operations_page`.

The rows are the operations of the installed botocore's models; which of them are built, `operations.table`,
`operations.settings_table` and `operations.logs_table` say.
A tidy test fails while the page is not what this writes.
"""

from __future__ import annotations

import inspect
from pathlib import Path
from unittest.mock import Mock

from botocore.loaders import Loader

from lamina.functions.without_effect import WITHOUT_EFFECT
from lamina.operations import logs_table, settings_table, table
from lamina.operations.stacks import table as stacks_table

PAGE = Path(__file__).parents[2] / "docs" / "OPERATIONS.md"
BEGIN = "<!-- From here to the end: written by tests/tidy/operations_page.py. -->\n"


TABLES = {
    "lambda": (table.handlers, settings_table.setting_handlers),
    "logs": (logs_table.log_handlers,),
    "cloudformation": (stacks_table.stack_handlers,),
}


def built(service: str = "lambda") -> set[str]:
    """The names of the operations of *service* that have a handler."""
    # Only the keys matter here; anything stands in for what the handlers need.
    return {
        name
        for handlers in TABLES[service]
        for name in handlers(*(Mock() for _ in inspect.signature(handlers).parameters))
    }


def section() -> str:
    """The generated part of the page."""
    operations = Loader().load_service_model("lambda", "service-2")["operations"]
    done = built()
    rows = [
        f"| {name} | `{operations[name]['http']['method']} {operations[name]['http']['requestUri']}` | "
        f"{'done' if name in done else 'not yet'} |"
        for name in sorted(operations)
    ]
    return "\n".join(
        [
            BEGIN,
            "## Kept and shown, without effect here",
            "",
            "| setting | what comes of it |",
            "| --- | --- |",
            *(f"| `{setting}` | {effect} |" for setting, effect in WITHOUT_EFFECT.items()),
            "",
            "## Every operation of the API",
            "",
            f"{len(done)} of {len(operations)} are done. All are routed, parsed and held to the model's constraints.",
            "One that is not done yet then answers 400 `InvalidParameterValueException`",
            "`Lamina does not implement <name>.`, an error that SDKs know and do not retry.",
            "",
            "| operation | request | state |",
            "| --- | --- | --- |",
            *rows,
            "",
            *_of_logs(),
            "",
        ]
    )


def _of_logs() -> list[str]:
    operations = Loader().load_service_model("logs", "service-2")["operations"]
    done = built("logs")
    return [
        "## Every operation of CloudWatch Logs",
        "",
        f"{len(done)} of {len(operations)} are done; another one answers 400 `Lamina does not implement <name>.` under",
        "`InvalidParameterException`, or `ValidationException` where its model has only that.",
        "",
        "| operation | state |",
        "| --- | --- |",
        *(f"| {name} | {'done' if name in done else 'no'} |" for name in sorted(operations)),
    ]


def updated(page: str) -> str:
    """*page* with its generated part as it should be."""
    return page.partition(BEGIN)[0].rstrip("\n") + "\n\n" + section()


if __name__ == "__main__":
    PAGE.write_text(updated(PAGE.read_text()))
