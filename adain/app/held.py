from __future__ import annotations


class Held:
    def __init__(self, most_bytes: int) -> None:
        self.most_bytes = most_bytes
