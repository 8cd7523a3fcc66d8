"""What of a machine's system a sandbox shows, for machines laid out one way and the other."""

from __future__ import annotations

from pathlib import Path

from lamina.worker import system


def machine(root: Path, *folders: str, **links: str) -> Path:
    for folder in folders:
        (root / folder).mkdir(parents=True)
    for name, target in links.items():
        (root / name).symlink_to(target)
    return root


def test_on_a_merged_usr_the_links_stay_links(tmp_path: Path) -> None:
    found = system.look(machine(tmp_path, "usr/bin", "usr/lib", "usr/share", bin="usr/bin", lib="usr/lib"))
    assert found.links == {"/bin": "usr/bin", "/lib": "usr/lib"}
    assert found.folders == ("/usr/bin", "/usr/lib", "/usr/share")


def test_on_an_older_layout_they_are_folders(tmp_path: Path) -> None:
    found = system.look(machine(tmp_path, "bin", "lib", "usr/bin"))
    assert found.links == {}
    assert found.folders == ("/bin", "/lib", "/usr/bin")


def test_what_is_the_owners_is_not_shown(tmp_path: Path) -> None:
    found = system.look(machine(tmp_path, "usr/bin", "usr/local/bin", "usr/src", "home", "root", "srv", "etc/ssh"))
    assert found.folders == ("/usr/bin",)
    assert found.files == ()


def test_certificates_and_time_zones_are(tmp_path: Path) -> None:
    root = machine(tmp_path, "etc/ssl/certs", "etc/ssl/private")
    (root / "etc/mime.types").write_text("")
    (root / "etc/shadow").write_text("")
    found = system.look(root)
    assert (found.folders, found.files) == (("/etc/ssl/certs",), ("/etc/mime.types",))


def test_links_that_would_lead_nowhere_are_left_out(tmp_path: Path) -> None:
    root = machine(tmp_path, "etc", "usr/share/zoneinfo")
    (root / "etc/localtime").symlink_to("/usr/share/zoneinfo/UTC")
    (root / "lib64").symlink_to("nowhere")
    found = system.look(root)
    assert (found.files, found.links) == ((), {})


def test_packages_of_the_machines_own_interpreter_are_hidden(tmp_path: Path) -> None:
    assert system.look(machine(tmp_path / "a", "usr/lib/python3/dist-packages")).hidden == (
        "/usr/lib/python3/dist-packages",
    )
    assert system.look(machine(tmp_path / "b", "usr/lib")).hidden == ()
