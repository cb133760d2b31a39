"""Update rules since Adam. Reached through their entry points.

`mg.optimizer("lion", params)`.
"""
