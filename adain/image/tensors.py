"""Pictures as tensors and back, and what is done to ``(B, 3, H, W)`` batches, differentiably."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor

from .._utils.arrays import at_least_float32 as at_least_float32
from .._utils.errors import ImageError
from .arrays import LUMA, check_range, to_array


def luma(image: Tensor) -> Tensor:
    """``(B, 1, H, W)`` luma of ``(B, 3, H, W)`` pixels, in their precision under autocast, too."""
    red, green, blue = (image[:, i : i + 1] for i in range(3))
    return torch.add(torch.add(red * LUMA[0], green, alpha=LUMA[1]), blue, alpha=LUMA[2])


def as_batch(image: Tensor) -> Tensor:
    """What a caller handed in as ``(B, 3, H, W)``: a single picture as a batch of one, grey in three equal channels.

    Args:
        image: floating, in ``[0, 1]``; ``(B, 3, H, W)`` or ``(3, H, W)``, or with one channel in place of the three.

    Raises:
        ImageError: for any other shape or type, and for values outside ``[0, 1]``, NaN or infinite.
    """
    shape = tuple(image.shape)
    if len(shape) not in (3, 4) or shape[-3] not in (1, 3) or 0 in shape:
        raise ImageError(f"image tensors must be (B, 3, H, W) or (3, H, W) in [0, 1], not {shape}")
    image = image if len(shape) == 4 else image[None]
    image = check_tensor(image if shape[-3] == 3 else image.expand(-1, 3, -1, -1))
    # One pass and, on a GPU, one wait; NaN comes out as both bounds.
    low, high = torch.stack(image.detach().aminmax()).tolist()
    check_range(low, high, "image tensors")
    return image


def check_tensor(image: Tensor) -> Tensor:
    """``image``, if it is a floating ``(B, 3, H, W)`` batch; else ImageError, which says how to make it one."""
    if image.ndim != 4 or image.shape[1] != 3:
        raise ImageError(f"image tensors must be (B, 3, H, W) in [0, 1], not {tuple(image.shape)}")
    if not image.is_floating_point():
        raise ImageError(f"image tensors must be floating point in [0, 1], not {image.dtype}: divide by 255")
    return image


def to_tensor(image: Image.Image) -> Tensor:
    """Convert "RGB" to float32 (1, 3, H, W) in [0, 1]; ImageError for any other mode."""
    return torch.from_numpy(to_array(image))


def to_pil(tensor: Tensor) -> Image.Image:
    """Convert a float tensor of shape (3, H, W) or (1, 3, H, W) to an "RGB" image.

    Values are clamped to [0, 1] and rounded to the nearest of the 256 levels. The tensor may be on any device and may
    require gradients. Raises ImageError for another shape or an integer type, and for values that are NaN or infinite.
    """
    tensor = check_single(tensor)[0]
    if not bool(torch.isfinite(tensor).all()):
        raise ImageError("the tensor holds NaN or infinite values; expected values in [0, 1]")
    levels = tensor.detach().float().clamp(0, 1).mul_(255).round_().to(torch.uint8)
    return Image.fromarray(levels.permute(1, 2, 0).contiguous().cpu().numpy())


def check_single(tensor: Tensor) -> Tensor:
    """A float tensor (3, H, W) or (1, 3, H, W) as the latter; ImageError for another shape or type."""
    shape = tuple(tensor.shape)
    tensor = tensor[0] if len(shape) == 4 and shape[0] == 1 else tensor
    if tensor.ndim != 3 or tensor.shape[0] != 3 or 0 in shape or not tensor.is_floating_point():
        wanted = "a float tensor of shape (3, H, W) or (1, 3, H, W)"
        raise ImageError(f"expected {wanted}, not {tensor.dtype} of shape {shape}")
    return tensor[None]


def resize_area(image: Tensor, size: tuple[int, int]) -> Tensor:
    """``(B, C, H, W)`` reduced to ``size`` (height, width), each pixel the mean of those it replaces."""
    return image if tuple(image.shape[2:]) == size else F.adaptive_avg_pool2d(image, size)


def resize_to(image: Tensor, size: tuple[int, int]) -> Tensor:
    """``(B, C, H, W)`` in ``[0, 1]`` scaled to ``size`` (height, width), antialiased."""
    if tuple(image.shape[2:]) == size:
        return image
    return F.interpolate(image, size, mode="bicubic", antialias=True, align_corners=False).clamp(0.0, 1.0)


def resize_to_cover(image: Tensor, size: tuple[int, int]) -> Tensor:
    """``(B, C, H, W)`` scaled until it covers ``size`` (height, width), antialiased, and cut at its centre."""
    height, width = image.shape[2:]
    scale = max(size[0] / height, size[1] / width)
    shape = (max(size[0], round(height * scale)), max(size[1], round(width * scale)))
    image = resize_to(image, shape)
    top, left = (shape[0] - size[0]) // 2, (shape[1] - size[1]) // 2
    return image[..., top : top + size[0], left : left + size[1]]
