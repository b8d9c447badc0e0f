"""What runs the networks beside torch, and writing a model for it."""
