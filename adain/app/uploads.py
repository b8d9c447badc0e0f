"""Pictures by their ids: those that were uploaded, within bounds on the disk, and those that the gallery has."""

from __future__ import annotations

import contextlib
import secrets
import shutil
import threading
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import anyio
from PIL import Image

from .._utils.errors import AdainError, InputError, MissingFileError
from .._utils.memory import give_back
from ..image import DEFAULT_MAX_PIXELS, read_image
from .errors import Forgotten, Refusal, shown, without_paths
from .gallery import AppGallery
from .held import LARGE, Held, Key
from .incoming import BLOCK, Incoming, no_room
from .kinds import CALLED, Kind, Upload, called, examine, name_for
from .memory import bytes_of
from .options import MEGABYTE

if TYPE_CHECKING:
    from .options import AppOptions
    from .site import Site


class AppPictures:
    """All pictures of a site, for many threads at once.

    Uploads take at most :attr:`most_bytes` of the disk; those that were not used for the longest time are forgotten for
    new ones, but none that is :meth:`pinned`. The same file under the same name keeps its id.

    Attributes:
        most_bytes: of all uploads together, and of those that are coming in.
        most_upload: of one.
        max_pixels: of one.
        gallery: artworks and photographs that are not uploaded.
        held: what is made of pictures and kept in memory; of one that is forgotten it is dropped.
        limiter: of the threads that decode pictures for requests.
    """

    def __init__(self, site: Site) -> None:
        options: AppOptions = site.options
        self.most_upload = options.max_upload * MEGABYTE
        self.most_bytes = max(4 * self.most_upload, options.keep * MEGABYTE)
        self.max_pixels = DEFAULT_MAX_PIXELS if options.max_pixels is None else options.max_pixels
        self.gallery = AppGallery(options.artworks, site.held)
        self.folder = site.folder / "uploads"
        self.folder.mkdir(parents=True, exist_ok=True)
        self.held = site.held
        self._files = Held(self.most_bytes, forget=self._remove)
        self._known: dict[Key, str] = {}  # the id of a file that is there, by kind, name and digest
        self._same_as: dict[str, Key] = {}  # and the other way round
        self._lock = threading.RLock()
        self._decoding = threading.BoundedSemaphore(2)  # whole pictures in memory at once
        self.limiter = anyio.CapacityLimiter(2)  # so that no more threads wait for that

    def content(self, id: str) -> Upload:
        """The photograph of an id; Forgotten, if there is none."""
        return self.find("content", id)

    def style(self, id: str) -> Upload:
        """The artwork of an id; Forgotten, if there is none."""
        return self.find("style", id)

    def mask(self, id: str) -> Upload:
        """The mask of an id, or label map; Forgotten, if there is none."""
        return self.find("mask", id)

    def styles(self) -> list[dict[str, Any]]:
        """What ``GET /styles`` lists: the artworks that ship, those of the folder, and uploads, the oldest first."""
        keys = ("id", "name", "title", "author", "source")
        uploads = [each.described() for each in self._files.values() if each.kind == "style"]
        return [*self.gallery.listed("style"), *({key: each[key] for key in keys} for each in uploads)]

    def contents(self) -> list[dict[str, Any]]:
        """The photographs that ship."""
        return self.gallery.listed("content")

    @contextlib.contextmanager
    def pinned(self, *uploads: Upload) -> Iterator[None]:
        """In here the files of these stay, also of one that is deleted meanwhile.

        Raises:
            Forgotten: if one is no longer there.
        """
        own = [each for each in uploads if each.source == "upload"]
        with contextlib.ExitStack() as stack:
            try:
                stack.enter_context(self._files.pinned((each.id,) for each in own))
            except KeyError as error:
                gone = next(each for each in own if each.id == error.args[0][0])
                raise forgotten(gone.kind, gone.id) from None
            yield

    def pixels(self, upload: Upload) -> Image.Image:
        """A picture, decoded, upright, ``RGB`` or ``RGBA`` in sRGB; kept while there is room. It is not to be changed.

        Raises:
            ImageError: if it cannot be read.
            Forgotten: if it is no longer there.
        """

        def decode() -> tuple[Image.Image, int]:
            with self._decoding:
                picture = read_image(upload.path, max_pixels=self.max_pixels)
            return picture, _settled(picture)

        with self.reading(upload):
            found: Image.Image = self.held.made((upload.id, "pixels"), decode)
            return found

    @contextlib.contextmanager
    def reading(self, upload: Upload) -> Iterator[None]:
        """In here its file is read: :meth:`pinned`, and Forgotten also where that of the gallery is gone."""
        try:
            with self.pinned(upload):
                yield
        except MissingFileError:
            raise forgotten(upload.kind, upload.id) from None

    def add(self, kind: Kind, data: bytes, name: str) -> Upload:
        """Take a file in that is in memory; errors as of :meth:`Incoming.write` and :meth:`finish`."""
        with self.incoming() as incoming:
            incoming.write(data)
            return self.finish(kind, incoming, name)

    @contextlib.contextmanager
    def incoming(self) -> Iterator[Incoming]:
        """A file that comes in piece by piece; what is not :meth:`finished <finish>` in here leaves nothing behind."""
        folder = self.folder / secrets.token_urlsafe(12)
        folder.mkdir()
        incoming = Incoming(folder, self.most_upload, self._files)
        try:
            yield incoming
        finally:
            incoming.release()
            with contextlib.suppress(Refusal):  # told already
                incoming.close()
            if not incoming.is_kept:
                shutil.rmtree(folder, ignore_errors=True)

    def finish(self, kind: Kind, incoming: Incoming, name: str) -> Upload:
        """Look at a file that has come in, and keep it.

        Args:
            name: of its user.

        Raises:
            Refusal: if it is empty, or there is no room.
            InputError: if it is nothing that can be read, damaged, or has too many pixels.
        """
        incoming.close()
        if not incoming.size:
            raise Refusal("nothing was sent: send the bytes of a picture")
        mime, name = name_for(incoming.path, name)
        same: Key = (kind, name, incoming.digest)
        with self._lock:
            if (known := self._same(same)) is not None:
                return known
        path = incoming.path.rename(incoming.path.parent / name)
        with self._decoding:
            try:
                found = examine(path, kind, self.max_pixels)
            except AdainError as error:
                raise type(error)(without_paths(str(error), [self.folder])) from None
        upload = Upload(
            incoming.path.parent.name, name, path, found.width, found.height, "upload", kind, found.has_alpha, mime
        )
        with self._lock:
            if (known := self._same(same)) is not None:  # came in twice at the same time
                return known
            incoming.release()
            if found.picture is not None:  # first, as it goes with the upload
                self.held.put((upload.id, "pixels"), found.picture, _settled(found.picture))
            if not self._files.put((upload.id,), upload, incoming.size + BLOCK):
                raise no_room()
            incoming.is_kept, self._known[same], self._same_as[upload.id] = True, upload.id, same
        return upload

    def delete(self, kind: Kind, id: str) -> None:
        """Forget an upload; its file goes when nothing uses it.

        Raises:
            Forgotten: if there is none.
            InputError: if it is none, but of the gallery.
        """
        upload = self.find(kind, id)
        if upload.source != "upload":
            raise InputError(f"{id} belongs to the gallery and stays there: only uploads can be deleted")
        self._files.drop((id,))

    def find(self, kind: Kind, id: str) -> Upload:
        """The picture of an id.

        Raises:
            Forgotten: if there is none.
            InputError: if it was uploaded as something else.
        """
        found: Upload | None = self._files.get((id,))
        if found is None:
            found = self.gallery.find(kind, id)
        if found is None:
            raise forgotten(kind, id)
        if found.kind != kind:
            raise InputError(
                f"{found.name} is {called(found.kind)}, where {called(kind)} is needed: upload it to /{kind}s"
            )
        return found

    def _same(self, same: Key) -> Upload | None:
        """The upload that has the same kind, name and bytes."""
        id = self._known.get(same)
        return None if id is None else self._files.get((id,))

    def _remove(self, upload: Upload) -> None:
        """Called for each upload that is forgotten."""
        with self._lock:
            self._known.pop(self._same_as.pop(upload.id, ()), None)
        shutil.rmtree(upload.path.parent, ignore_errors=True)
        self.held.drop((upload.id,))


def forgotten(kind: Kind, id: str) -> Forgotten:
    """What is raised for an id that is not known, or no longer."""
    return Forgotten(f"there is no {CALLED[kind]} {shown(id, 40)!r} here, or no longer: upload it to /{kind}s (again)")


def _settled(picture: Image.Image) -> int:
    """Bytes of a picture that was just read, and what reading it took beside is given back."""
    if (size := bytes_of(picture)) >= LARGE:
        give_back()
    return size
