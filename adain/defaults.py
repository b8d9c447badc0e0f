"""Defaults of the one-pass transfer, in one place and free of imports, for the library and the command line."""

from __future__ import annotations

ALPHA = 1.0
"""Strength of the style, 0 (photograph) to 1."""

STYLE_SIZE = 512
"""Shorter side of a style image in pixels; it sets how coarse the strokes come out."""

CONTENT_SIZE = 0
"""Shorter side of a content image in pixels; 0 keeps its own size."""

JPEG_QUALITY = 95
"""Quality of written JPEG and WebP files, 1 to 100."""

PRECISIONS = ("auto", "fp32", "bf16", "fp16")
"""What the networks can compute in; see :func:`adain.nn.devices.resolve_precision`."""

PRECISION = "auto"

COLOR_MODES = ("none", "luminance", "linear", "histogram")
"""How a stylised picture can keep the colours of the photograph."""

COLOR_SPACES = ("ycbcr", "yiq", "lab")
"""Where "luminance" parts light from colour."""

COLOR_METHODS = ("monge-kantorovich", "cholesky", "symmetric")
"""Which of the matrices that carry one covariance over to another "linear" takes."""

COLOR_MODE = "luminance"
"""The mode where colours are to be kept and none is named."""

COLOR_SPACE = "ycbcr"

COLOR_METHOD = "monge-kantorovich"

COLOR_STRENGTH = 1.0
"""Strength of the colour preservation, 0 (none) to 1."""

MASK_CHANNELS = ("luminance", "alpha")
"""What of an image can be its mask."""

DIRECTIONS = ("horizontal", "vertical", "diagonal", "radial")
"""How one style can pass into another across the photograph."""

FEATHER = 0.0
"""Radius in pixels over which the edges of masks are softened."""

GRID_SIZE = 256
"""Shorter side in pixels of each picture of an interpolation grid, where no content size is given."""

PAIRS = ("product", "zip")
"""How several photographs and several styles come together: each with each, or the first with the first and so on."""

EXISTING = ("resume", "skip", "redo")
"""What becomes of results that are there: kept if they are what would be made, kept whatever they are, or made anew."""

EVALUATION_SIZE = 512
"""Side in pixels of the squares that pictures are brought to before they are measured."""

STABILITY_ON = 0.7
"""The strength where ``--stability`` has no number."""

TILE = "auto"
"""Whether a photograph is stylised in tiles: ``"auto"`` where memory is short, ``"off"``, or their side in pixels."""

MIN_TILE = 64
"""Shortest side of a tile in pixels."""

TILE_SIDE = 512
"""Side of the tiles that ``"auto"`` takes on a CPU, in pixels, where memory is not short even for those."""

GPU_TILE_SIDE = 1024
"""The same on a GPU, which small tiles leave idle."""

ENGINES = ("local", "ray")
"""What does the work of the command line: this process, or Ray."""

RAY_RETRIES = 2
"""How often a picture is tried again after the process that made it has died."""

RAY_ROWS_PER_TASK = 32
"""Photographs that a worker takes at a time: what is done again when its process dies."""

RAY_ROWS_PER_PART = 256
"""Results in a part of a parquet folder."""

RAY_OBJECT_STORE = 512 * 2**20
"""Bytes of shared memory of a Ray that is started for the call: only tables travel through it."""

ONNX_STORAGES = ("fp32", "fp16", "int8")
"""How exported filters can be stored."""

ONNX_STORAGE = "fp32"

ONNX_OPSET = 17
"""Of exported graphs: every runtime of the last years reads it."""
