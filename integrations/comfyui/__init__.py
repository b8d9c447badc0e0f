"""Arbitrary style transfer in ComfyUI. This folder lies in ``ComfyUI/custom_nodes``; ComfyUI reads the two mappings.

Nothing of ComfyUI is imported, see :mod:`.host`.
"""

from __future__ import annotations

import importlib.util
from typing import Any

if importlib.util.find_spec("adain") is None:
    raise ImportError(
        "the nodes of adain need the library itself: install it with the Python that runs ComfyUI, "
        "python -m pip install -r requirements.txt"
    )

from .advanced import AdainOptions
from .model import AdainModel
from .region import AdainRegion
from .styles import AdainBlend, AdainEncodeStyle, AdainLoadStyle
from .stylize import AdainStylize

_NODES: dict[str, tuple[str, Any]] = {
    "AdainModel": ("AdaIN Model", AdainModel),
    "AdainEncodeStyle": ("AdaIN Encode Style", AdainEncodeStyle),
    "AdainLoadStyle": ("AdaIN Load Style", AdainLoadStyle),
    "AdainBlend": ("AdaIN Blend Styles", AdainBlend),
    "AdainRegion": ("AdaIN Region", AdainRegion),
    "AdainOptions": ("AdaIN Options", AdainOptions),
    "AdainStylize": ("AdaIN Stylize", AdainStylize),
}

NODE_CLASS_MAPPINGS = {key: node for key, (_, node) in _NODES.items()}
NODE_DISPLAY_NAME_MAPPINGS = {key: name for key, (name, _) in _NODES.items()}

__all__ = ["NODE_CLASS_MAPPINGS", "NODE_DISPLAY_NAME_MAPPINGS"]
