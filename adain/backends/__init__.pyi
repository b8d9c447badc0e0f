from .export import export_onnx as export_onnx
from .models import open_model as open_model
from .models import weights_of as weights_of
from .onnx import OnnxStylizer as OnnxStylizer
