"""The comparison with PyTorch is collected only where PyTorch is installed."""

from __future__ import annotations

from importlib.util import find_spec

collect_ignore_glob = [] if find_spec("torch") else ["test_ops_torch_*.py"]
