"""What is made of the runs: figures, their calibration, and a file that keeps them."""
