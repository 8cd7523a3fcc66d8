"""Every sub-command, by name."""

from __future__ import annotations

from typing import Annotated

import typer

from lamina.cli import (
    account,
    audit,
    backup,
    build,
    channel,
    check,
    completion,
    consumers,
    demo,
    deploy,
    diff,
    doctor,
    fsck,
    link,
    live,
    logs,
    mirror,
    publish,
    pull,
    retire,
    rollout,
    run,
    runtimes,
    sbom,
    share,
    shell,
    subscribe,
    top,
    tree,
    up,
    update,
)

EPILOG = "Start with `lamina doctor` to see what this machine offers, then `lamina up`."

app = typer.Typer(
    help="AWS Lambda layers for real, on any Linux machine: no Docker, no account.",
    epilog=EPILOG,
    no_args_is_help=True,
    # Plain text: it starts sooner, and reads the same in a pipe.
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _show_version(wanted: bool) -> None:
    if wanted:
        from lamina import __version__

        print(f"lamina {__version__}")
        raise typer.Exit


@app.callback()
def _lamina(
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    pass


app.command("up")(up.up)
app.command("doctor")(doctor.doctor)
app.command("run")(run.run)
app.command("shell")(shell.shell)
app.command("link")(link.link)
app.command("live")(live.live)
app.add_typer(runtimes.runtimes, name="runtimes")
app.command("logs")(logs.logs)
app.command("top")(top.top)
app.command("build")(build.build)
app.command("publish")(publish.publish)
app.command("check")(check.check)
app.command("diff")(diff.diff)
app.command("tree")(tree.tree)
app.command("sbom")(sbom.sbom)
app.command("audit")(audit.audit)
app.command("pull")(pull.pull)
app.command("mirror")(mirror.mirror)
app.command("retire")(retire.retire)
app.add_typer(channel.channel, name="channel")
app.command("subscribe")(subscribe.subscribe)
app.command("unsubscribe")(subscribe.unsubscribe)
app.command("share")(share.share)
app.command("consumers")(consumers.consumers)
app.add_typer(rollout.rollout, name="rollout")
app.command("update")(update.update)
app.command("deploy")(deploy.deploy)
app.command("delete")(deploy.delete)
app.command("fsck")(fsck.fsck)
app.add_typer(account.account, name="account")
app.command("backup")(backup.backup)
app.command("restore")(backup.restore)
app.command("demo")(demo.demo)
app.command("completion")(completion.completion)
