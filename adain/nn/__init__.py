"""Networks: VGG, decoders, AdaIN and its statistics, other backbones, weights and their conversion."""
