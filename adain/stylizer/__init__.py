"""The one pass: encoded content, styles, tiles, and the stylizer that puts them together."""
