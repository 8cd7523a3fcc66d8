"""`lamina completion`: what makes a shell complete lamina's commands and options."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer


class Shell(StrEnum):
    """The shells that we test with."""

    BASH = "bash"
    ZSH = "zsh"
    FISH = "fish"


def completion(
    shell: Annotated[Shell, typer.Argument(help="The shell to write it for.", show_choices=True)],
) -> None:
    """Print a shell's completion script.

    `lamina --install-completion` writes it where the shell you are in looks for it.

    \b
    Examples:
      source <(lamina completion bash)
      lamina completion zsh > ~/.zfunc/_lamina
      lamina completion fish > ~/.config/fish/completions/lamina.fish
    """
    # Typer tells of it in its documentation's source only; the options that it does document guess the shell instead.
    from typer.completion import get_completion_script  # type: ignore[attr-defined]

    print(get_completion_script(prog_name="lamina", complete_var="_LAMINA_COMPLETE", shell=shell.value))
