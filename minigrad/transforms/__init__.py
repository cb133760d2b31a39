"""Functions of functions: derivatives, batching, recomputation, debugging."""
