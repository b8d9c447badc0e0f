"""Models in a folder or on the Hugging Face Hub: ``config.json``, ``model.safetensors`` and a card.

huggingface_hub is an extra, and imported when a model is saved or an address of the Hub is given: the shipped models
and folders are read without it.
"""

from __future__ import annotations

import functools
import importlib
import json
import os
import re
from abc import abstractmethod
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, ClassVar, Self

from torch import Tensor, nn

from .._utils.errors import InputError, MissingFileError, WeightsError, first_line
from .._utils.files import atomic_path, check_writable
from .._utils.version import __version__
from .shipped import DEFAULT_MODEL, registry

CONFIG, WEIGHTS = "config.json", "model.safetensors"

LIBRARY = "adain"

REPOSITORY = re.compile(r"[\w-][\w.-]*/[\w-][\w.-]*")
"""Whose model and its name, as the Hub has them."""

LICENCES = (("CC BY 4.0", "cc-by-4.0"), ("MIT", "mit"))
"""What the licences of the registry begin with, and what the Hub calls them, the stricter first."""

CARD = """\
---
{{ card_data }}
---

# {{ config.model or config.based_on or "A model" }} for adain

Arbitrary style transfer by adaptive instance normalisation (Huang & Belongie 2017).

{% for part, about in parts %}\
* {{ part }}: {{ about.licence or "no licence given" }}; {{ about.origin or "origin unknown" }}
{% endfor %}
```python
import adain

model = adain.{{ path }}.from_pretrained("this folder, or owner/name")
```
"""


@dataclass(frozen=True)
class Provenance:
    """Where a network's weights come from.

    Attributes:
        model: the shipped model that they are of, or began as; None for others.
        licence, origin: as the registry or whoever saved them says; None if nobody did.
    """

    model: str | None = None
    licence: str | None = None
    origin: str | None = None


class HubModel(nn.Module):
    """A module with the methods of huggingface_hub's ``PyTorchModelHubMixin``, which does the work.

    Attributes:
        part: of a model that it is, ``"encoder"`` or ``"decoder"``.
        provenance: where its weights come from.
    """

    part: ClassVar[str]
    provenance: Provenance = Provenance()

    @abstractmethod
    def hub_config(self) -> dict[str, Any]:
        """All that ``config.json`` says of it: what it is, its layers, the licence and the origin of its weights."""

    @classmethod
    def from_pretrained(cls, name: str | os.PathLike[str] = DEFAULT_MODEL, **hub: Any) -> Self:
        """The network of a shipped model, or one that :meth:`save_pretrained` wrote, frozen and in float32.

        Args:
            name: a model of :func:`adain.nn.registry`; a folder, of this part or of a whole
                :class:`~adain.Stylizer`; or an address of the Hub, ``"owner/name"``, which alone downloads anything.
            hub: for the Hub, see :func:`adain.nn.hub.find_folder`.

        Raises:
            MissingFileError: if there is no such folder, file or address.
            WeightsError: if a file is damaged, it holds something else, or there is no such model.
            InputError: if huggingface_hub is missing and needed.
        """
        from .saved import load_part

        network = load_part(cls.part, name, **hub)
        if not isinstance(network, cls):
            raise WeightsError(f"{name} is a {type(network).__name__}, not a {cls.__name__}: load it as that")
        return network

    def said_of_weights(self) -> dict[str, Any]:
        """Model, licence and origin; weights are a shipped model's only as long as nobody has changed them."""
        from .saved import is_changed

        said = asdict(self.provenance)
        return said | {"model": None, "based_on": said["model"]} if is_changed(self) else said

    def save_pretrained(
        self, folder: str | os.PathLike[str], *, config: Mapping[str, Any] | None = None, **hub: Any
    ) -> str | None:
        """Write ``config.json``, ``model.safetensors`` and, unless there is one, a card ``README.md`` into a folder.

        Args:
            folder: made if it is missing.
            config: more to say in ``config.json``, such as a ``licence`` and an ``origin`` of weights of your own.
            hub: ``push_to_hub``, ``repo_id`` and others of ``PyTorchModelHubMixin.save_pretrained``.

        Returns:
            The address of the commit, if it was pushed.

        Raises:
            InputError: if huggingface_hub is missing, the folder cannot be written, or ``config`` names what the
                library says itself.
        """
        bridge = _bridge()(self, config)
        check_writable(Path(folder) / CONFIG)
        saved: str | None = bridge.save_pretrained(folder, **hub)
        return saved

    def push_to_hub(self, repo_id: str, *, config: Mapping[str, Any] | None = None, **hub: Any) -> str:
        """:meth:`save_pretrained` to the Hub; ``hub`` is what ``PyTorchModelHubMixin.push_to_hub`` takes.

        Raises:
            InputError: as :meth:`save_pretrained`.
        """
        address: str = _bridge()(self, config).push_to_hub(repo_id, **hub)
        return address


def require_hub() -> Any:
    """huggingface_hub, or :class:`~adain.InputError` with the command that installs it."""
    try:
        return importlib.import_module("huggingface_hub")
    except ImportError:
        raise InputError('the Hugging Face Hub needs huggingface_hub: pip install "adain[hub]"') from None


def find_folder(name: str | os.PathLike[str], **hub: Any) -> Path | None:
    """The folder of a saved model; None if the name is a shipped model's, or nothing that could be a folder.

    Args:
        name: of a shipped model, a folder, or an address of the Hub, ``"owner/name"``, which is downloaded.
        hub: ``revision``, ``cache_dir``, ``token``, ``force_download``, ``local_files_only``: see
            ``huggingface_hub.snapshot_download``.

    Raises:
        InputError: if huggingface_hub is missing and needed.
        MissingFileError: if the Hub has no such model, or cannot be reached.
    """
    if isinstance(name, str) and name in registry():
        return None
    path = Path(name)
    if path.is_dir():
        return path
    if not isinstance(name, str) or not REPOSITORY.fullmatch(name) or path.suffix == ".safetensors" or path.exists():
        return None
    library = require_hub()
    try:
        return Path(library.snapshot_download(name, allow_patterns=[CONFIG, WEIGHTS], **hub))
    except (OSError, ValueError) as error:  # whatever goes wrong on the way is one of these
        raise MissingFileError(
            f"there is no folder {name}, and no such model on the Hugging Face Hub, or it is out of reach "
            f"({first_line(error)}): check the name"
        ) from None


def read_folder(folder: Path, part: str) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """What :meth:`HubModel.save_pretrained` wrote: a part of a model, and its weights, which are no more than that.

    Args:
        part: ``"encoder"`` or ``"decoder"``, of a folder that holds it alone or a whole model.

    Raises:
        MissingFileError: if one of the two files is missing.
        WeightsError: if one is damaged, or they hold something else.
    """
    from safetensors.torch import load

    from .states import read_safetensors

    for name in (CONFIG, WEIGHTS):
        if not (folder / name).is_file():
            raise MissingFileError(f"{folder} holds no {name}: give a folder that save_pretrained wrote")
    try:
        config = json.loads((folder / CONFIG).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise WeightsError(f"{folder / CONFIG} is damaged ({first_line(error)}): copy it anew") from None
    if not isinstance(config, dict) or config.get("library") != LIBRARY:
        raise WeightsError(f"{folder / CONFIG} is not of this library: give a folder that save_pretrained wrote")
    tensors = read_safetensors(folder / WEIGHTS, load)
    if config.get("kind") == "stylizer":
        config, beginning = config.get(part), f"{part}."
        tensors = {key.removeprefix(beginning): each for key, each in tensors.items() if key.startswith(beginning)}
    if not isinstance(config, dict) or config.get("kind") != part:
        raise WeightsError(f"{folder} holds no {part}: give a folder that an {part} or a Stylizer was saved in")
    return config, tensors


def together(parts: Iterable[str | None]) -> str | None:
    """What the parts of a model say, each once; None if one of them says nothing."""
    said = [*dict.fromkeys(parts)]
    return None if None in said else "; ".join(filter(None, said))


@functools.cache
def _bridge() -> Any:
    """The class that huggingface_hub's mixin is the base of; it holds a model, and is made when it is first needed."""
    library = require_hub()

    class Bridge(library.PyTorchModelHubMixin, library_name=LIBRARY):  # type: ignore[call-arg,misc,name-defined]
        def __init__(self, model: HubModel, more: Mapping[str, Any] | None) -> None:
            own = {"library": LIBRARY, "library_version": __version__, **model.hub_config()}
            if taken := sorted(set(more or {}) & set(own) - {"licence", "origin"}):
                raise InputError(f"config cannot say {', '.join(taken)}, which the library does: leave that out")
            self.model, self.config = model, own | dict(more or {})
            for part in (own[name] for name in ("encoder", "decoder") if name in own):
                part |= {key: self.config[key] for key in ("licence", "origin") if part[key] is None}

        def _save_pretrained(self, save_directory: Path) -> None:
            from safetensors.torch import save

            state = {name: each.cpu().contiguous() for name, each in self.model.state_dict().items()}
            with atomic_path(save_directory / WEIGHTS) as temporary:
                temporary.write_bytes(save(state, {"format": "pt"}))
            with atomic_path(save_directory / CONFIG) as temporary:
                temporary.write_text(json.dumps(self.config, indent=2) + "\n", encoding="utf-8")

        def generate_model_card(self, *args: Any, **kwargs: Any) -> Any:
            config, licence = self.config, str(self.config["licence"])
            found = next((short for full, short in LICENCES if full in licence), None)
            data = library.ModelCardData(library_name=LIBRARY, license=found, tags=["style-transfer", LIBRARY])
            whole = config["kind"] == "stylizer"
            parts = [(part, config[part]) for part in ("encoder", "decoder")] if whole else [(config["kind"], config)]
            name = type(self.model).__name__
            about = {"config": config, "parts": parts, "path": name if whole else f"nn.{name}"}
            return library.ModelCard.from_template(data, template_str=CARD, **(about | kwargs))

    return Bridge
