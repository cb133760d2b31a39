"""The text of kernels: loops, rows, and short rows side by side."""
