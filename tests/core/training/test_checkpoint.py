"""What a save takes from the device."""

from __future__ import annotations

import torch

from core.training.checkpoint import in_one_copy, optimizer_on_host


def test_tensors_of_one_copy_are_whole_and_have_memory_of_their_own() -> None:
    flat = torch.arange(24.0)
    tensors = {"square": flat[:4].view(2, 2), "number": flat[4], "rows": flat[6:18].view(3, 4).T}
    copies = in_one_copy(tensors)
    assert list(copies) == list(tensors)
    for name, copy in copies.items():
        assert torch.equal(copy, tensors[name])
        assert copy.untyped_storage().nbytes() == copy.numel() * 4
    flat.zero_()
    assert copies["rows"].sum() > 0


def test_an_optimizers_state_on_the_host_is_its_state() -> None:
    model = torch.nn.Linear(3, 2)
    optimizer = torch.optim.Adam(model.parameters())
    model(torch.ones(1, 3)).sum().backward()
    optimizer.step()
    state, copied = optimizer.state_dict(), optimizer_on_host(optimizer.state_dict())
    assert copied["param_groups"] == state["param_groups"]
    assert copied["state"].keys() == state["state"].keys()
    for index, entry in state["state"].items():
        assert list(copied["state"][index]) == list(entry)
        assert all(torch.equal(copied["state"][index][key], tensor) for key, tensor in entry.items())
