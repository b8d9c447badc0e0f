from .bank import StyleBank as StyleBank
from .bank import is_bank as is_bank
from .gaussian import Gaussian as Gaussian
