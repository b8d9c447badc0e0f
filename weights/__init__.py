"""The weights that ship, and the scripts that made them."""
