from .options import AppOptions as AppOptions
from .serve import run_app as run_app
from .site import Site as Site
from .site import create_app as create_app
