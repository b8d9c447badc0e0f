from .config import TrainingConfig as TrainingConfig
from .config import flag as flag
from .distributed import Ranks as Ranks
from .loop import TrainingResult as TrainingResult
from .report import Record as Record
from .report import Reporter as Reporter
from .report import RunLog as RunLog
from .trainer import Trainer as Trainer
