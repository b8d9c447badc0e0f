"""Random styles as a transform of ``torchvision.transforms.v2``."""

from __future__ import annotations

from typing import Any

from PIL import Image
from torch import Tensor
from torchvision import tv_tensors
from torchvision.transforms.v2 import Transform

from .._utils.errors import InputError
from .options import RandomStyleOptions
from .pictures import from_picture, to_picture
from .random_style import RandomStyle
from .sources import SHIPPED, BankInput


def _is_bare(value: Any) -> bool:
    """Whether a tensor says nothing of what it is; the base class takes the first for an image if nothing else is."""
    return isinstance(value, Tensor) and not isinstance(value, tv_tensors.TVTensor)


class TorchvisionRandomStyle(Transform):  # type: ignore[misc]  # torchvision is not typed
    """:class:`RandomStyle` over samples of any structure, as all of torchvision's transforms take them.

    Images (``tv_tensors.Image``, ``PIL.Image``, and a bare tensor where the sample has neither) are stylised; boxes,
    masks, keypoints, labels and all else pass through as they are. Each image of a batch ``(B, C, H, W)`` has a style
    of its own; the frames of a video ``(T, C, H, W)`` share one, and so do several images of one sample.

    Arguments and errors are those of :class:`RandomStyle`, and so are types and sizes. A ``PIL.Image`` comes back with
    its mode: L, LA, RGB or RGBA, with its transparency; others become RGB.
    """

    _transformed_types = (_is_bare, tv_tensors.Image, tv_tensors.Video, Image.Image)

    def __init__(self, bank: BankInput = SHIPPED, options: RandomStyleOptions | None = None, **changes: Any) -> None:
        super().__init__()
        self.style = RandomStyle(bank, options, **changes)

    def set_epoch(self, epoch: int) -> None:
        """:meth:`RandomStyle.set_epoch`."""
        self.style.set_epoch(epoch)

    def make_params(self, flat_inputs: list[Any]) -> dict[str, Any]:
        """What is drawn for the images of a sample, or for those of a batch: ``{"draw": StyleDraw}``."""
        if not flat_inputs:
            return {}
        counts = [_count(image) for image in flat_inputs]
        if len(several := {count for count in counts if count != 1}) > 1:
            raise InputError(f"images of {' and '.join(map(str, sorted(several)))} samples cannot share their styles")
        leading = flat_inputs[counts.index(max(counts))]
        first = _first_frames(_tensor(leading), leading)
        return {"draw": self.style.draw(first)}

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        """An image with what was drawn for its sample."""
        draw = params["draw"]
        tensor = _tensor(inpt)
        batch = tensor.reshape(-1, *tensor.shape[-3:])
        if _count(inpt) == 1 and len(draw.applied) > 1:
            draw = type(draw)(*(part[:1] for part in draw))
        result = self.style.apply(batch, draw.spread_over(len(batch))).reshape(tensor.shape)
        if isinstance(inpt, Image.Image):
            return inpt if not bool(draw.applied.any()) else to_picture(result, inpt)
        return tv_tensors.wrap(result, like=inpt) if isinstance(inpt, tv_tensors.TVTensor) else result

    def extra_repr(self) -> str:
        return self.style.describe()


def _tensor(image: Any) -> Tensor:
    """An image as a plain tensor of any leading dimensions."""
    if isinstance(image, Image.Image):
        return from_picture(image)
    tensor: Tensor = image.as_subclass(Tensor)
    return tensor


def _count(image: Any) -> int:
    """How many samples an image is of: those of its batch; a video is one."""
    if isinstance(image, Image.Image):
        return 1
    leading = image.shape[: -4 if isinstance(image, tv_tensors.Video) else -3]
    return int(leading.numel())


def _first_frames(tensor: Tensor, image: Any) -> Tensor:
    """``(B, C, H, W)`` that stand for the samples of an image: of videos, their first frames."""
    tensor = tensor[..., 0, :, :, :] if isinstance(image, tv_tensors.Video) else tensor
    return tensor.reshape(-1, *tensor.shape[-3:])
