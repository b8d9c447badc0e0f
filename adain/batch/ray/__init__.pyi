from .engine import stylize_dataset as stylize_dataset
from .options import RayOptions as RayOptions
