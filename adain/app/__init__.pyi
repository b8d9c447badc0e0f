from .offline.options import SiteOptions as SiteOptions
from .offline.site import SiteFiles as SiteFiles
from .offline.site import export_site as export_site
from .options import AppOptions as AppOptions
from .serve import run_app as run_app
from .site import Site as Site
from .site import create_app as create_app
