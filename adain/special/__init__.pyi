from .figures import Figures as Figures
from .options import MOST_BYTES as MOST_BYTES
from .options import SpecialOptions as SpecialOptions
from .run import Specialiser as Specialiser
from .run import SpecialResult as SpecialResult
from .run import run_folder as run_folder
from .run import specialise as specialise
