"""Seeded broken and healthy trainings that `minigrad.diagnosis` is judged on.

The command is `minigrad bench-diagnosis`.
"""
