"""Commands that tell about minigrad itself: lists, documentation, manual page, completion."""
