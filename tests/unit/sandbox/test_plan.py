"""What a sandbox is made of, as data."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from lamina.sandbox import contents
from lamina.sandbox.contents import STAGE, InterpreterLayout
from lamina.sandbox.plan import (
    EMPTY,
    LIMITS,
    OPT,
    HostFolders,
    HostSystem,
    Seal,
    plan_environment,
    plan_function,
    plan_inhabited,
    plan_processes,
    plan_root,
    plan_switches,
)

Operations = Sequence[tuple[str, ...]]

SYSTEM = HostSystem(
    links={"/bin": "usr/bin", "/lib64": "usr/lib64"},
    folders=("/usr/bin", "/usr/lib", "/etc/ssl/certs"),
    files=("/etc/ld.so.cache",),
    hidden=("/usr/lib/python3/dist-packages",),
)
HOST = HostFolders(guest=Path("/g"), trees=Path("/t"), scratch=Path("/state/scratch"))
STANDALONE = InterpreterLayout(
    version="3.12",
    release="3.12.1",
    prefix=Path("/pyenv/3.12.1"),
    executable=Path("/pyenv/3.12.1/bin/python3.12"),
    standard_library=Path("/pyenv/3.12.1/lib/python3.12"),
    shared_library=None,
    standalone=True,
    has_site_packages=True,
)
DISTRIBUTION = InterpreterLayout(
    version="3.11",
    release="3.11.2",
    prefix=Path("/usr"),
    executable=Path("/usr/bin/python3.11"),
    standard_library=Path("/usr/lib/python3.11"),
    shared_library=None,
    standalone=False,
    has_site_packages=False,
)


def root(interpreter: InterpreterLayout | None = STANDALONE, host: HostFolders = HOST) -> Operations:
    brought = [] if interpreter is None else contents.python(interpreter, Path("/p"))
    return plan_root(SYSTEM, brought, host, first_uid=70000, users=1256)


def environment(layers: Sequence[str], tmp: str | None = None) -> Operations:
    return plan_environment("code", layers, tmp).operations


def targets(operations: Operations, name: str) -> list[str]:
    return [operation[1] for operation in operations if operation[0] == name]


def source(operations: Operations, target: str) -> str:
    (found,) = [operation[2] for operation in operations if operation[0].startswith("bind") and operation[1] == target]
    return found


def test_five_layers_are_one_mount_with_the_last_on_top() -> None:
    opt = environment(["one", "two", "three", "four", "five"])[0]
    lower = ":".join(f"{STAGE}/trees/{name}" for name in ("five", "four", "three", "two", "one"))
    assert opt == ("overlay", OPT, f"lowerdir={lower}:{EMPTY},redirect_dir=nofollow,metacopy=off")


def test_layers_with_the_same_bytes_are_there_once_where_the_uppermost_is() -> None:
    opt = environment(["same", "other", "same"])[0]
    lower = ":".join(f"{STAGE}/trees/{name}" for name in ("same", "other"))
    assert opt == ("overlay", OPT, f"lowerdir={lower}:{EMPTY},redirect_dir=nofollow,metacopy=off")


def test_one_layer_lies_on_an_empty_folder() -> None:
    opt = environment(["one"])[0]
    assert opt == ("overlay", OPT, f"lowerdir={STAGE}/trees/one:{EMPTY},redirect_dir=nofollow,metacopy=off")


def test_byte_code_lies_directly_above_its_own_tree() -> None:
    byte_code = {name: f".bytecode/{name}/py" for name in ("one", "two", "code")}
    opt, task, *_ = plan_environment("code", ["one", "two"], None, byte_code=byte_code).operations
    folders = (".bytecode/two/py", "two", ".bytecode/one/py", "one")
    lower = ":".join([*(f"{STAGE}/trees/{folder}" for folder in folders), EMPTY])
    assert opt == ("overlay", OPT, f"lowerdir={lower},redirect_dir=nofollow,metacopy=off")
    lower = f"{STAGE}/trees/.bytecode/code/py:{STAGE}/trees/code"
    assert task == ("overlay", "/var/task", f"lowerdir={lower},redirect_dir=nofollow,metacopy=off")


@pytest.mark.parametrize(
    ("has", "folders"),
    [
        ({"one"}, ("two", "one")),
        ({"two"}, ("two.py", "two", "one")),
        ({"code"}, ("two", "one")),
    ],
)
def test_a_tree_without_byte_code_hides_that_of_the_trees_below_it(has: set[str], folders: Sequence[str]) -> None:
    byte_code = {name: f"{name}.py" for name in has}
    opt, *_ = plan_environment("code", ["one", "two"], None, byte_code=byte_code).operations
    lower = ":".join([*(f"{STAGE}/trees/{folder}" for folder in folders), EMPTY])
    assert opt[2].startswith(f"lowerdir={lower},")


def test_without_layers_opt_is_empty_and_still_read_only() -> None:
    assert environment([])[0] == ("bind_read_only", OPT, EMPTY)


def test_the_code_is_read_only() -> None:
    assert ("bind_read_only", "/var/task", f"{STAGE}/trees/code") in environment([])


def test_tmp_is_handed_over_or_a_folder_of_the_scratch() -> None:
    assert ("attach", "/tmp", "tmp") in environment([])
    assert ("bind_writable", "/tmp", f"{STAGE}/scratch/7") in environment([], tmp="7")


def test_tmp_is_the_only_writable_mount() -> None:
    for tmp in (None, "7"):
        operations = [*root(), *environment(["one"], tmp)]
        writable = [operation for operation in operations if operation[0] in ("bind", "bind_writable", "attach")]
        assert [operation[1] for operation in writable if not operation[1].startswith(STAGE)] == ["/tmp"]


@pytest.mark.parametrize("layers", [[], ["one"], ["one", "two"]])
def test_the_stage_goes_last_of_all(layers: list[str]) -> None:
    assert environment(layers)[-1] == ("detach", STAGE)


def test_kernel_memory_and_keys_are_masked_in_every_proc() -> None:
    template = plan_environment("code", [], None, template=True).operations
    for operations in (plan_processes(), template):
        assert {"/proc/kcore", "/proc/keys", "/proc/sysrq-trigger"} <= set(targets(operations, "mask"))
    assert plan_processes()[0] == ("proc", "/proc")


def test_who_has_the_id_that_owns_the_kernels_switches_may_only_read_them() -> None:
    assert plan_switches(user_namespace=True) == (("bind_read_only", "/proc/sys", "/proc/sys"),)
    assert plan_switches(user_namespace=False) == ()


def test_a_function_is_limited_by_what_differs_from_everybodys_limits() -> None:
    seal = Seal(1, False, {**LIMITS, "RLIMIT_NPROC": (1, 1), "RLIMIT_DATA": (2, 2)}, b"", 500)
    assert seal.limits_beyond(LIMITS) == {"RLIMIT_NPROC": (1, 1), "RLIMIT_DATA": (2, 2)}
    assert Seal(1, False, LIMITS, b"", 500).limits_beyond(LIMITS) == {}


def test_the_stage_is_a_mount_of_its_own_so_that_one_unmount_takes_all() -> None:
    operations = root()
    mounted = operations.index(("tmpfs", STAGE, "size=64k,mode=0755"))
    below = [index for index, operation in enumerate(operations) if operation[1].startswith(f"{STAGE}/")]
    assert min(below) > mounted


def test_a_scratch_folder_is_staged_only_where_there_is_one() -> None:
    assert source(root(), f"{STAGE}/scratch") == "/state/scratch"
    without = root(host=replace(HOST, scratch=None))
    assert f"{STAGE}/scratch" not in targets(without, "bind_writable")


def test_every_mount_point_is_made_before_it_is_mounted_on() -> None:
    for interpreter in (STANDALONE, DISTRIBUTION, None):
        made: set[str] = set()
        # What a standalone prefix, or an overlay of a library, brings along.
        brought = {"/var/lang/lib/python3.12/site-packages", "/var/lang/lib/python3.11/site-packages"}
        for name, target, *_ in root(interpreter):
            if name in ("folder", "file", "symlink"):
                made.add(target)
            elif name != "mask":
                assert target in made | brought, (name, target)


def test_the_system_is_shown_read_only_and_its_links_stay_links() -> None:
    operations = root()
    assert ("symlink", "/bin", "usr/bin") in operations
    for path in (*SYSTEM.folders, *SYSTEM.files):
        assert ("bind_read_only", path, path) in operations
    shown, hidden = (
        operations.index(("bind_read_only", "/usr/lib", "/usr/lib")),
        operations.index(("mask", "/usr/lib/python3/dist-packages")),
    )
    assert shown < hidden


def test_there_are_five_devices_and_no_more() -> None:
    assert targets(root(), "bind_device") == [f"/dev/{name}" for name in ("null", "zero", "full", "random", "urandom")]


def test_the_accounts_are_the_platforms_own() -> None:
    (passwd,) = [operation[2] for operation in root() if operation[:2] == ("file", "/etc/passwd")]
    first, *users = passwd.splitlines()
    assert first.startswith("root:x:0:0:")
    assert users[0] == "sbx_user1051:x:70000:70000::/home/sbx_user1051:/sbin/nologin"
    assert len(users) == 1256
    assert len({user.split(":")[2] for user in users}) == 1256


def test_a_standalone_interpreter_is_its_prefix_with_the_runtimes_packages() -> None:
    operations = root(STANDALONE)
    assert source(operations, "/var/lang") == "/pyenv/3.12.1"
    assert source(operations, "/var/lang/lib/python3.12/site-packages") == "/p"
    assert operations.index(("bind_read_only", "/var/lang", "/pyenv/3.12.1")) < operations.index(
        ("bind_read_only", "/var/lang/lib/python3.12/site-packages", "/p")
    )


def test_of_a_distributions_interpreter_only_its_own_files_are_shown() -> None:
    operations = root(DISTRIBUTION)
    assert source(operations, "/var/lang/bin/python3.11") == "/usr/bin/python3.11"
    assert ("symlink", "/var/lang/bin/python3", "python3.11") in operations
    # It has no folder to mount the packages on: one is laid over its library.
    overlay = f"lowerdir={{root}}{STAGE}/site:/usr/lib/python3.11"
    assert ("overlay", "/var/lang/lib/python3.11", overlay) in operations
    assert source(operations, "/var/lang/lib/python3.11/site-packages") == "/p"
    assert "/usr" not in [operation[2] for operation in operations if operation[0].startswith("bind")]


def test_one_with_site_packages_needs_no_overlay() -> None:
    operations = root(replace(DISTRIBUTION, prefix=Path("/usr/local"), has_site_packages=True))
    assert source(operations, "/var/lang/lib/python3.11") == "/usr/lib/python3.11"
    assert targets(operations, "overlay") == []


def test_a_standalone_one_without_site_packages_gets_them_laid_over() -> None:
    operations = root(replace(STANDALONE, has_site_packages=False))
    overlay = f"lowerdir={{root}}{STAGE}/site:/pyenv/3.12.1/lib/python3.12"
    assert ("overlay", "/var/lang/lib/python3.12", overlay) in operations


def test_a_shared_library_comes_along() -> None:
    shared = replace(DISTRIBUTION, shared_library=Path("/usr/local/lib/libpython3.11.so.1.0"))
    target = "/var/lang/lib/libpython3.11.so.1.0"
    operations = root(shared)
    assert source(operations, target) == "/usr/local/lib/libpython3.11.so.1.0"
    assert operations.index(("file", target, "")) < operations.index(
        ("bind_read_only", target, source(operations, target))
    )


def test_the_folders_of_the_library_path_exist_before_the_interpreter_looks() -> None:
    assert {"/opt/lib", "/var/task/lib"} <= set(targets(root(), "folder"))


def test_the_limits_are_those_recorded_on_aws() -> None:
    assert LIMITS == {
        "RLIMIT_NOFILE": (1024, 1024),
        "RLIMIT_NPROC": (742, 742),
        "RLIMIT_STACK": (8388608, -1),
        "RLIMIT_MEMLOCK": (65536, 65536),
        "RLIMIT_CORE": (10737418240, 10737418240),
    }


def test_a_seal_travels_as_json() -> None:
    message = Seal(70000, True, {"RLIMIT_NOFILE": (1, 2)}, b"\x00\xff", 500).message()
    assert message == {
        "uid": 70000,
        "user_namespace": True,
        "limits": {"RLIMIT_NOFILE": [1, 2]},
        "seccomp": base64.b64encode(b"\x00\xff").decode(),
        "oom_score_adj": 500,
        "template": False,
    }


def test_where_a_templates_child_moves_in_first_the_layers_come_before_it_and_the_rest_after() -> None:
    byte_code = {"two": "compiled-two"}
    before = plan_inhabited(["one", "two"], byte_code)
    after = plan_function("code", None, byte_code).operations
    at_once = plan_environment("code", ["one", "two"], None, locked=True, byte_code=byte_code).operations
    assert before[-1] == ("mask", STAGE), "nobody who moves in sees the stage"
    assert sorted(before + after) == sorted(at_once)


def test_a_template_of_layers_has_no_code() -> None:
    with_code, without = (plan_environment(code, ["one"], None, template=True).operations for code in ("code", None))
    assert [each for each in with_code if each not in without] == [
        ("bind_read_only", "/var/task", "/.lamina/trees/code")
    ]
