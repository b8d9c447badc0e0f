"""What every package may use: errors, atomic files, fingerprints, memory, signals; imports nobody."""
