"""The house: who may import whom, what loads no PyTorch, and how large its rooms and files may grow."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
LONGEST_MODULE, LONGEST_TEST, MOST_MODULES = 300, 400, 9

# What first paint, the list of runs and the shell's completion load: no PyTorch, no scikit-learn, not through others.
NO_TORCH = (
    "core.files",
    "core.folders",
    "core.text",
    "core.arrays",
    "core.shapes",
    "core.errors",
    "core.packages",
    "core.cores",
    "core.group",
    "core.program",
    "core.memory",
    "core.scheduling",
    "core.sketch",
    "core.data.registry",
    "core.data.download",
    "core.runs",
    "core.trash",
    "core.latents.options",
    "core.latents.plane",
    "core.evaluation.results",
    "core.explorer.results",
    "core.explorer.protocol",
    "core.explorer.messages",
    "core.explorer.remote",
    "core.explorer.client",
    "core.explorer.server",
    "core.jobs",
    "core.training.methods.usual",
    "tui",
)

# What may not be loaded yet: a tenth of a second each, and more.
SLOW_TO_LOAD = {
    *("torch", "sklearn", "torchvision", "plotext", "matplotlib", "numpy"),
    *("pydantic", "pydantic_core", "typer", "psutil", "rich.progress"),
}
# Each says when to look, and what may be loaded by then.
STARTS = {
    "the version": ("import tui.cli, sys; sys.argv = ['vae-tui', '--version']; look_at_exit(); tui.cli.main()", ()),
    "the first frame": (
        "import tui.cli, tui.app, tui.background.polling as polling\n"
        "polling.Poller.start = look\n"
        "tui.app.VaeTui(Path('nowhere'), Path('nowhere')).run(headless=True)",
        (),
    ),
    "the list": (
        "from tui.background.readers import RunsReader; RunsReader(Path('checkpoints')).poll(); look()",
        ("pydantic", "pydantic_core", "psutil"),
    ),
}

RESULTS = ("latents.options", "evaluation.results", "explorer.results")
BASE = (
    "core.files",
    "core.folders",
    "core.text",
    "core.arrays",
    "core.shapes",
    "core.errors",
    "core.packages",
    "core.cores",
    "core.group",
    "core.program",
    "core.memory",
    "core.scheduling",
)
READABLE = (
    "core.data.registry",
    "core.sketch",
    "core.runs",
    "core.latents.options",
    "core.latents.plane.density",
    "core.evaluation.results",
    "core.explorer.results",
    "core.explorer.protocol",
)
PURE = ("tui.terminal", "tui.messages", *READABLE)
WORDS = (
    "tui.formatting",
    "tui.run_columns",
    "tui.series",
    "tui.quantities",
    "tui.run_axis",
    "tui.run_looks",
    "tui.drawing",
    "tui.configuration",
    "tui.evaluation_table",
    "tui.latent_plane",
    "tui.tables",
)
ON_SCREEN = (
    "tui.widgets",
    "tui.background",
    "tui.export",
    "tui.export_plots",
    "tui.panels",
    "tui.timelapse",
    *WORDS,
    *PURE,
    "core.trash",
    "core.jobs",
    "core.training.methods.usual",
    "core.data.download",
)

# A room, by the longest prefix that names it, and what it may import besides itself and BASE.
MAY_IMPORT: dict[str, tuple[str, ...]] = {
    "core.files": (),
    "core.folders": (),
    "core.text": (),
    "core.arrays": (),
    "core.shapes": (),
    "core.errors": (),
    "core.packages": (),
    "core.cores": (),
    "core.group": (),
    "core.program": (),
    "core.memory": (),
    "core.scheduling": (),
    "core.data": (),
    "core.sketch": ("core.data",),
    "core.models": (),
    "core.runs": ("core.data.registry",),
    "core.kernels": ("core.models",),
    "core.latents": ("core.models", "core.data"),
    "core.evaluation": ("core.latents", "core.models", "core.data"),
    "core.training": (
        "core.kernels",
        "core.evaluation",
        "core.latents",
        "core.models",
        "core.data",
        "core.runs",
    ),
    "core.trash": ("core.runs",),
    "core.jobs": ("core.runs", "core.data.registry"),
    "core.jobs.setup": (
        "core.runs",
        "core.data",
        "core.training",
        "core.kernels.step_library",
        "core.jobs.trainer.ending",
        "core.jobs.trainer.intervals",
        "core.jobs.trainer.limit",
        "core.jobs.trainer.stages",
    ),
    "core.diagnosis": ("core.training.devices", "core.kernels", "core.data.registry", "core.runs"),
    "core.standalone": ("core.models", "core.runs", "core.data"),
    "core.exchange": ("core.explorer", "core.latents", "core.models", "core.data", "core.runs"),
    "core.exchange.importing": ("core.models", "core.runs", "core.training.checkpoint", "core.training.forks.state"),
    "core.explorer": ("core.evaluation", "core.latents", "core.models", "core.data", "core.runs"),
    "core.worker": ("core.jobs.process",),
    "core.classifier": ("core.evaluation.classifier_training",),
    "tui.interrupts": (),
    "tui.terminal": READABLE,
    "tui.messages": READABLE,
    "tui.formatting": (*PURE, *WORDS),
    "tui.run_columns": (*PURE, *WORDS),
    "tui.series": (*PURE, *WORDS),
    "tui.run_axis": (*PURE, *WORDS),
    "tui.quantities": PURE,
    "tui.run_looks": PURE,
    "tui.configuration": ("core.runs.choosing",),
    "tui.evaluation_table": (*PURE, *WORDS),
    "tui.latent_plane": (*PURE, *WORDS),
    "tui.drawing": (*PURE, *WORDS),
    "tui.panels": ("tui.drawing",),
    "tui.tables": (),
    "tui.export": (*PURE, *WORDS),
    "tui.export_plots": ("tui.export", "tui.panels", *PURE, *WORDS),
    "tui.timelapse": ("tui.export", *PURE, *WORDS),
    "tui.background": (*PURE, "core.explorer", "core.training.devices"),
    "tui.widgets": (*PURE, *WORDS, "tui.background.tasks"),
    "tui.screens": ("core.explorer.client", *ON_SCREEN),
    "tui.commands": (
        "core.diagnosis",
        "core.standalone",
        "core.exchange",
        "core.data.own.given",
        "core.training.devices",
        "tui.screens",
        "tui.interrupts",
        *ON_SCREEN,
    ),
    "tui.configured": ("tui.screens", *ON_SCREEN),
    "tui.app": ("tui.configured", "tui.commands", "tui.screens", *ON_SCREEN),
    "tui.in_terminal": ("tui.app", "tui.commands.output", "tui.commands.words", *ON_SCREEN),
    "tui.opening": ("tui.in_terminal", "tui.commands.words", "tui.terminal", "core.data.registry", "core.runs"),
    "tui.browser": ("tui.in_terminal", "tui.opening", "tui.commands", "core.data.registry", "core.runs"),
    "tui.command_line": ("tui.opening", "tui.commands", "tui.browser.serve"),
    "tui.cli": ("tui.opening", "tui.command_line", "tui.commands"),
    "tui.__main__": ("tui.cli", "tui.interrupts"),
    "vae_tui": ("tui.__main__",),
}


@dataclass(frozen=True)
class Import:
    """One module of ours that imports another, and whether only a type checker sees it."""

    importer: str
    imported: str
    for_types: bool


def python_files(*folders: str) -> list[Path]:
    return sorted(path for folder in folders for path in (ROOT / folder).rglob("*.py"))


def module_name(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


@cache
def modules() -> frozenset[str]:
    return frozenset(map(module_name, [*python_files("core", "tui"), ROOT / "vae_tui.py"]))


@cache
def imports() -> tuple[Import, ...]:
    paths = [*python_files("core", "tui"), ROOT / "vae_tui.py"]
    return tuple(found for path in paths for found in imports_of(path) if found.imported in modules())


def imports_of(path: Path) -> Iterator[Import]:
    tree = ast.parse(path.read_text())
    for_types = {
        id(node)
        for block in ast.walk(tree)
        if isinstance(block, ast.If) and "TYPE_CHECKING" in ast.dump(block.test)
        for node in ast.walk(block)
    }
    for node in ast.walk(tree):
        names = []
        if isinstance(node, ast.ImportFrom) and node.module:
            whole = [f"{node.module}.{alias.name}" for alias in node.names]
            names = [name if name in modules() else node.module for name in whole]
        elif isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        for name in dict.fromkeys(names):
            yield Import(module_name(path), name, id(node) in for_types)


def lies_in(module: str, room: str) -> bool:
    return module == room or module.startswith(f"{room}.")


def room_of(module: str) -> str:
    return max((room for room in MAY_IMPORT if lies_in(module, room)), key=len, default="")


def test_every_module_lies_in_a_room() -> None:
    packages = {module for module in modules() if (ROOT / module.replace(".", "/")).is_dir()}
    assert [module for module in sorted(modules() - packages) if not room_of(module)] == []


def test_rooms_import_only_what_they_may() -> None:
    forbidden = []
    for found in imports():
        room = room_of(found.importer)
        own_package = room.rpartition(".")[0]  # for its siblings
        allowed = (room, *BASE, *MAY_IMPORT.get(room, ()))
        if found.imported != own_package and not any(lies_in(found.imported, other) for other in allowed):
            forbidden.append(f"{found.importer} imports {found.imported}")
    assert forbidden == []


def test_no_modules_import_each_other_in_a_circle() -> None:
    reached: dict[str, set[str]] = {module: set() for module in modules()}
    for found in imports():
        if not found.for_types:
            reached[found.importer].add(found.imported)
    growing = True
    while growing:
        growing = False
        for direct in reached.values():
            further = set().union(*(reached[other] for other in direct)) - direct
            direct |= further
            growing |= bool(further)
    assert sorted(module for module, others in reached.items() if module in others) == []


def test_the_core_knows_no_terminal() -> None:
    terminal = ("textual", "rich", "plotext", "tui")
    found = [
        f"{module_name(path)} imports {name.imported}"
        for path in python_files("core")
        for name in imports_of(path)
        if name.imported.split(".")[0] in terminal
    ]
    assert found == []


def test_what_is_needed_before_pytorch_loads_neither_pytorch_nor_scikit_learn() -> None:
    light = sorted(module for module in modules() if any(lies_in(module, room) for room in NO_TORCH))
    program = (
        "import importlib, sys\n"
        "for name in sys.argv[1:]:\n"
        "    importlib.import_module(name)\n"
        "    heavy = {'torch', 'sklearn', 'torchvision', 'plotext', 'matplotlib'} & set(sys.modules)\n"
        "    assert not heavy, f'{name} loads {heavy}'\n"
    )
    light.remove("tui.__main__")
    light.remove("tui.browser.server")  # of an extra
    done = subprocess.run(
        [sys.executable, "-c", program, *light], capture_output=True, text=True, check=False, cwd=ROOT
    )
    assert done.returncode == 0, done.stderr.splitlines()[-1]


@pytest.mark.parametrize("moment", STARTS)
def test_what_is_slow_to_load_is_not_loaded_for(moment: str) -> None:
    code, allowed = STARTS[moment]
    program = (
        "import atexit, os, sys\n"
        "from pathlib import Path\n"
        "def look(*_):\n"
        f"    sys.__stdout__.write(str(sorted(set(sys.modules) & {SLOW_TO_LOAD - {*allowed}})) + chr(10))\n"
        "    sys.__stdout__.flush()\n"
        "    os._exit(0)\n"
        "def look_at_exit():\n"
        "    atexit.register(look)\n"
    )
    done = subprocess.run([sys.executable, "-c", program + code], capture_output=True, text=True, check=False, cwd=ROOT)
    assert done.stdout.splitlines()[-1:] == ["[]"], done.stdout + done.stderr


@pytest.mark.parametrize(("folders", "limit"), [(("core", "tui"), LONGEST_MODULE), (("tests",), LONGEST_TEST)])
def test_no_file_is_longer_than_one_can_read(folders: tuple[str, ...], limit: int) -> None:
    lengths = {module_name(path): len(path.read_text().splitlines()) for path in python_files(*folders)}
    assert {module: length for module, length in lengths.items() if length > limit} == {}


def test_no_folder_holds_more_modules_than_one_can_survey() -> None:
    folders = {path.parent for path in python_files("core", "tui")} - {ROOT / "core", ROOT / "tui"}
    counts = {str(folder.relative_to(ROOT)): len([*folder.glob("[!_]*.py")]) for folder in folders}
    assert {folder: count for folder, count in counts.items() if count > MOST_MODULES} == {}


def test_a_module_opens_with_one_sentence_that_says_what_it_is_for() -> None:
    documented = {
        module_name(path): ast.get_docstring(ast.parse(path.read_text())) for path in python_files("core", "tui")
    }
    assert [module for module, text in documented.items() if not text or "TODO" in text] == []
