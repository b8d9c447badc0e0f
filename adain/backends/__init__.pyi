from .export import export_onnx as export_onnx
from .export import provenance as provenance
from .models import open_model as open_model
from .models import open_stylizer as open_stylizer
from .models import weights_of as weights_of
from .onnx import OnnxStylizer as OnnxStylizer
from .options import ExportOptions as ExportOptions
from .options import Storage as Storage
