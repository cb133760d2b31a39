"""The documentation: written pages, a reference made from code, and their build as HTML.

`minigrad docs` builds it. `build_site` needs the extra `docs`; everything else here needs nothing.
"""

from minigrad import lazy

_PUBLIC = {"site": "DocsUnavailable Site build_site", "describe_op": "describe_op"}

__getattr__, __dir__, __all__ = lazy.names(__name__, _PUBLIC)
