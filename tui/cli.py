"""The command line of vae-tui, and how its errors reach a person."""

from __future__ import annotations

import os
import sys
from contextlib import suppress

from core import folders, packages
from core.errors import UserError, describe, is_out_of_memory
from tui.commands.output import EXIT_BAD_INPUT, EXIT_FAILED, print_error, print_version
from tui.opening import NotUnderstood, open_as_asked


def run(arguments: list[str]) -> None:
    """Do what the words say, and end this process."""
    if arguments == ["--version"]:
        print_version()
        sys.exit()
    if "_VAE_TUI_COMPLETE" not in os.environ:
        with suppress(NotUnderstood):
            open_as_asked(arguments)
    from tui.command_line import run

    run(arguments)


def main() -> None:
    """The entry point: errors of the user become one line and exit status 2."""
    try:
        if not folders.has_home() and "_VAE_TUI_COMPLETE" not in os.environ:
            print_error(f"there is no home folder: what is fetched or made is kept in {folders.temporary_dir()}")
        run(sys.argv[1:])
    except UserError as error:
        print_error(describe(error))
    except BrokenPipeError:
        # Whoever read the output has seen enough; nothing may be written to it when the interpreter ends.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(EXIT_FAILED)
    except OSError as error:
        gone = error.filename is None and folders.current_is_gone()
        print_error("the current folder is gone: go to another one, or give whole paths" if gone else describe(error))
    except ModuleNotFoundError as error:
        if not packages.complaint(error):
            raise
        print_error(describe(error))
    except Exception as error:
        homeless = isinstance(error, RuntimeError) and not folders.has_home()
        if not homeless and not is_out_of_memory(error):
            raise
        print_error(describe(error))
        sys.exit(EXIT_FAILED)
    sys.exit(EXIT_BAD_INPUT)
