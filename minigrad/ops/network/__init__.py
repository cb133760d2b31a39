"""Ops of neural networks: convolutions, pooling, normalizations, losses, random masks."""
