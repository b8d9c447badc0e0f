"""For tests of what every model does: imported, this fixture runs those of a file once for each."""

from __future__ import annotations

import pytest

from adain.stylizer.stylizer import Stylizer


@pytest.fixture(scope="module", params=["vgg19", "fast"])
def stylizer(request: pytest.FixtureRequest, stylizer: Stylizer, fast: Stylizer) -> Stylizer:
    return fast if request.param == "fast" else stylizer
