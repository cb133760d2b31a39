"""The public names of minigrad.docs, for type checkers. Written by tests/tools/write_stub.py."""
# ruff: noqa
# isort: skip_file

# fmt: off
from minigrad.docs.describe_op import describe_op as describe_op
from minigrad.docs.site import DocsUnavailable as DocsUnavailable, Site as Site, build_site as build_site

__all__: list[str]
