"""Fetching an image set with progress on the terminal, or with plain lines where there is none."""

from __future__ import annotations

from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn

from core.data import registry


def download_in_terminal(name: str, data_dir: Path) -> None:
    """Download a set that is not on disk. Raises DataError."""
    if registry.is_on_disk(name, data_dir):
        print(f"{name} is on disk already")
        return
    print(f"downloading {name} to {data_dir}", flush=True)
    console = Console()
    if not console.is_terminal:
        registry.download(name, data_dir, _print_finished)
        return
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn())
    with Progress(*columns, console=console) as progress:
        task = progress.add_task(name)

        def show(news: registry.Progress) -> None:
            file = f"{news.file} ({news.file_index + 1} of {news.files})"
            progress.update(task, description=file, completed=news.bytes_done, total=news.bytes_total)

        registry.download(name, data_dir, show)


def _print_finished(news: registry.Progress) -> None:
    if news.bytes_done == news.bytes_total:
        print(f"{news.file} ({news.file_index + 1} of {news.files}): {news.bytes_done:,} bytes", flush=True)
