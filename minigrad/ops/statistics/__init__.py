"""Statistics: quantiles, covariance, interpolation, sets."""
