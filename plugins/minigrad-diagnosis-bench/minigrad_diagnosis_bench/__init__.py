"""Seeded broken and healthy trainings that `minigrad.diagnosis` is judged on: `minigrad bench-diagnosis`."""
