"""Machines that are not as ours: file systems that refuse, made by a library that is loaded first, and other users."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

# Fails what FAIL names, "flock" or the end of a path to open, with the errno in FAIL_ERRNO, while FAIL_WHILE exists.
SOURCE = r"""
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

static int fails(const char *name) {
    const char *ending = getenv("FAIL"), *flag = getenv("FAIL_WHILE");
    if (!name || !ending || (flag && syscall(21, flag, 0) != 0)) return 0;
    size_t length = strlen(name), wanted = strlen(ending);
    if (length < wanted || strcmp(name + length - wanted, ending) != 0) return 0;
    errno = atoi(getenv("FAIL_ERRNO"));
    return 1;
}
int flock(int file, int operation) {
    if (fails("flock")) return -1;
    return ((int (*)(int, int))dlsym(RTLD_NEXT, "flock"))(file, operation);
}
#define OPEN(NAME) \
int NAME(const char *path, int flags, ...) { \
    va_list rest; va_start(rest, flags); int mode = va_arg(rest, int); va_end(rest); \
    if (fails(path)) return -1; \
    return ((int (*)(const char *, int, ...))dlsym(RTLD_NEXT, #NAME))(path, flags, mode); \
}
OPEN(open)
OPEN(open64)
"""


def failing_library(folder: Path) -> Path:
    """A library to load before all others; skips where none can be compiled."""
    compiler = shutil.which("cc")
    if compiler is None or os.uname().machine != "x86_64":
        pytest.skip("needs a C compiler on x86-64")
    source, library = folder / "failing.c", folder / "failing.so"
    source.write_text(SOURCE)
    subprocess.run([compiler, "-w", "-shared", "-fPIC", str(source), "-o", str(library), "-ldl"], check=True)
    return library


def in_another_pid_namespace(command: list[str]) -> list[str]:
    """The command as the first process of a container with this host's name; skips where none is allowed."""
    words = ["unshare", "--pid", "--fork", "--kill-child", "--mount-proc"]
    if not shutil.which("unshare") or subprocess.run([*words, "true"], capture_output=True).returncode:
        pytest.skip("no other pid namespace is allowed here")
    return [*words, *command]


def as_another_user(command: list[str], *, hide_processes: bool = False) -> list[str]:
    """The command as a user without rights, shown no process of others or all; skips where nobody can become one."""
    hiding = "mount -o remount,hidepid=2 /proc && " if hide_processes else ""
    words = ["unshare", "--mount", "sh", "-c", f'{hiding}exec setpriv --reuid=65534 --clear-groups "$@"', "sh"]
    reads = [sys.executable, "-c", "import core.files"]
    if os.geteuid() or not shutil.which("setpriv") or not shutil.which("unshare"):
        pytest.skip("only root becomes another user")
    if subprocess.run([*words, *reads], cwd=ROOT, capture_output=True).returncode:
        pytest.skip("other users cannot read this program")
    return [*words, *command]


@contextmanager
def public_folder() -> Iterator[Path]:
    """A folder that everybody may enter; pytest keeps its own private."""
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o755)
        yield Path(name)


def call(*words: str, through: Callable[[list[str]], list[str]] = list) -> subprocess.CompletedProcess[str]:
    """What vae-tui says, in a process that `through` starts."""
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    command = through([sys.executable, "-m", "tui", *words])
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=100, check=False)
