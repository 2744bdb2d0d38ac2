"""Every package that is asked for has a lower bound, one and the same wherever it is asked for."""

from __future__ import annotations

import pytest
from packaging.requirements import Requirement

from tests.environments import lowest, requirements


def test_every_package_has_one_lower_bound() -> None:
    bounds = {lowest(wanted) for wanted in requirements()}
    names = [bound.partition("==")[0] for bound in bounds]
    assert {"torch", "textual", "pytest", "onnx", "textual-serve", "tensorboardX"} <= {*names}
    assert len(names) == len({*names})


def test_a_package_without_one_is_refused() -> None:
    assert lowest(Requirement("typer>=0.16,!=0.24.*")) == "typer==0.16"
    with pytest.raises(ValueError, match="has no lower bound"):
        lowest(Requirement("numpy<3"))
