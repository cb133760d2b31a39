"""Pages of the reference, made from code, registry and parser."""
