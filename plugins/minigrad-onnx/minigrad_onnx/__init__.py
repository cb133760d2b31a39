"""Models of minigrad as ONNX files, and models of minigrad from ONNX files."""

from minigrad_onnx.errors import MissingOnnx, OnnxExportError, OnnxImportError
from minigrad_onnx.export import export_onnx, export_run
from minigrad_onnx.imported import OnnxModel, import_onnx

__all__ = ["MissingOnnx", "OnnxExportError", "OnnxImportError", "OnnxModel", "export_onnx", "export_run", "import_onnx"]
