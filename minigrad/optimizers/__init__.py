"""The classic update rules. Reached only through the entry points `minigrad.optimizers`; import nothing from here."""
