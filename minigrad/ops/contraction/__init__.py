"""Ops that multiply and sum: matrix products and einsum."""
