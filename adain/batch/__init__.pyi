from . import ray as ray
from .folder import Folder as Folder
from .folder import stylize_folder as stylize_folder
from .manifest import Manifest as Manifest
from .options import FolderOptions as FolderOptions
from .plan import expand as expand
from .plan import plan as plan
from .run import Result as Result
