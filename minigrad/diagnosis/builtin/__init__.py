"""The built-in rules, reached through the entry points of the group `minigrad.rules` like those of any plugin."""
