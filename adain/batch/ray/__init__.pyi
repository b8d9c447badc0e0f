from .engine import Dataset as Dataset
from .engine import plan_dataset as plan_dataset
from .engine import stylize_dataset as stylize_dataset
from .options import RayOptions as RayOptions
