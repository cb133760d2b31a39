"""The classic update rules. Reached only through the entry points `minigrad.optimizers`.

Import nothing from here.
"""
