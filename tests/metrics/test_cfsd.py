from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
import torch

from adain._utils.errors import InputError
from adain.metrics import CFSD_LAYER, cfsd


def seen(x: torch.Tensor) -> dict[str, torch.Tensor]:
    return {CFSD_LAYER: x}


def plain(output: torch.Tensor, content: torch.Tensor) -> float:
    """The formula in float64, cell by cell."""

    def rows(x: torch.Tensor) -> npt.NDArray[np.float64]:
        f = x[0].flatten(1).double().numpy()
        logits = f.T @ f / len(f) ** 2
        likeness = np.exp(logits - logits.max(axis=1, keepdims=True))
        return np.asarray(likeness / likeness.sum(axis=1, keepdims=True))

    s_content, s_output = rows(content), rows(output)
    return float(sum(np.sum(c * np.log(c / o)) for c, o in zip(s_content, s_output, strict=True)))


def test_identical_pictures() -> None:
    x = 9.0 * torch.rand(1, 8, 6, 5)
    assert float(cfsd(seen(x), seen(x))) == 0.0


def test_constant_pictures_are_alike_everywhere() -> None:
    # Every cell is as like every other, whatever the constant.
    a, b = torch.full((1, 8, 6, 6), 3.0), torch.full((1, 8, 6, 6), 0.5)
    assert float(cfsd(seen(a), seen(b))) < 1e-5


def test_against_a_constant_output_it_is_what_the_content_lacks_of_full_entropy() -> None:
    content = 8.0 * torch.rand(1, 4, 3, 3)
    f = content[0].flatten(1).double()
    p = torch.softmax(f.mT @ f / 16, dim=1)
    entropy = -(p * p.log()).sum()
    expected = 9 * np.log(9) - float(entropy)
    assert float(cfsd(seen(torch.ones(1, 4, 3, 3)), seen(content))) == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize("size", [(4, 7), (33, 20)])  # the second has more cells than are done at once
def test_recomputed(size: tuple[int, int]) -> None:
    output, content = 6.0 * torch.rand(1, 5, *size), 6.0 * torch.rand(1, 5, *size)
    assert float(cfsd(seen(output), seen(content))) == pytest.approx(plain(output, content), rel=1e-4)
    assert float(cfsd(seen(content), seen(output))) == pytest.approx(plain(content, output), rel=1e-4)


def test_large_maps_are_averaged() -> None:
    output, content = 6.0 * torch.rand(1, 5, 8, 12), 6.0 * torch.rand(1, 5, 8, 12)
    small = [torch.nn.functional.avg_pool2d(x, 2) for x in (output, content)]
    found = float(cfsd(seen(output), seen(content), cells=6))  # 8 by 12 cells become 6 by 6
    assert found != float(cfsd(seen(output), seen(content)))
    halved = [torch.nn.functional.adaptive_avg_pool2d(x, (4, 6)) for x in (output, content)]
    torch.testing.assert_close(halved, small)
    assert float(cfsd(seen(small[0]), seen(small[1]), cells=None)) == pytest.approx(plain(*small), rel=1e-4)
    whole = float(cfsd(seen(output), seen(content), cells=None))
    assert whole == pytest.approx(plain(output, content), rel=1e-4)


def test_pictures_that_cannot_be_compared() -> None:
    with pytest.raises(InputError, match="of one size"):
        cfsd(seen(torch.ones(1, 4, 3, 3)), seen(torch.ones(1, 4, 3, 4)))
    with pytest.raises(InputError, match="two pictures"):
        cfsd(seen(torch.ones(2, 4, 3, 3)), seen(torch.ones(2, 4, 3, 3)))
