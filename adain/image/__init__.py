"""Pictures: files, Pillow, NumPy and tensors, sizes and crops; knows no network."""
