"""Video: painted frame by frame, steadied, with its sound, and resumable. Needs the extra ``adain[video]``."""

from __future__ import annotations

from .keys import Key, parse_key, spread_keys
from .render import VideoProgress, VideoResult, VideoStopped
from .stylize import stylize_video

__all__ = ["Key", "VideoProgress", "VideoResult", "VideoStopped", "parse_key", "spread_keys", "stylize_video"]
