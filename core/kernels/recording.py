"""CUDA graphs of work that draws random numbers."""

from __future__ import annotations

from collections.abc import Iterable

import torch


def new_graph(generators: Iterable[torch.Generator]) -> torch.cuda.CUDAGraph:
    """A graph each replay of which draws the next numbers of these generators, of the current CUDA device."""
    graph = torch.cuda.CUDAGraph()
    if torch.__version__ < "2.14":  # later versions find the generators by themselves, and warn of being told
        for generator in generators:
            graph.register_generator_state(generator)
    return graph
