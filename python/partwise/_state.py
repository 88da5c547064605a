"""The state of a fit in a file, from which a later fit goes on."""

import contextlib
import errno
import os
import struct
import warnings
import zlib
from pathlib import Path

from ._model import replaced

MAGIC = b"partwise"
VERSION = 1
"""Of the container: magic number, version, content, the content's length and CRC-32."""
HEADER = struct.Struct("<8sI")
TRAILER = struct.Struct("<QI")
PIECE = 1 << 20
"""Bytes read at a time."""


class StateFile:
    """A file that holds the latest state of a fit, whole or not at all. A context for one fit."""

    def __init__(self, path, every):
        self.every = float(every)
        # Where a link leads.
        self._path = Path(os.path.realpath(path))
        self._new = self._path.with_name(f"{self._path.name}.new")
        self._going_on = None
        self._left = 0

    def __enter__(self):
        folder = self._path.parent
        if not folder.is_dir():
            raise FileNotFoundError(errno.ENOENT, "No such folder to keep the state of the fit in", str(folder))
        try:
            self._going_on = self._path.open("rb")
        except FileNotFoundError:
            return self
        try:
            self._check()
        except BaseException:
            self._going_on.close()
            raise
        return self

    def __exit__(self, *_):
        if self._going_on is not None:
            self._going_on.close()

    @property
    def begun(self):
        """Whether there is a state to go on from, which `read` gives."""
        return self._going_on is not None

    def read(self, count):
        """Up to so many bytes of the state that was found, whose file is let go at its end."""
        if not self._left:
            return b""
        piece = self._going_on.read(min(count, self._left))
        self._left -= len(piece)
        if not self._left:
            self._going_on.close()
        return piece

    @contextlib.contextmanager
    def writing(self):
        """What takes the bytes of a state, which takes the place of the one before at the end."""
        with replaced(self._path, self._new.name) as file:
            file.write(HEADER.pack(MAGIC, VERSION))
            summed = _Summed(file)
            yield summed.write
            file.write(TRAILER.pack(summed.length, summed.sum))

    def failed(self, error):
        """Says that the system refused a state. The one before stays, and the fit goes on."""
        warnings.warn(f"{self._path}: no state of the fit is kept: {error}", RuntimeWarning, stacklevel=2)

    def remove(self):
        """Removes the state of a fit that has ended, and one that a kill has left half written. One that stays is gone
        on from, to the same result.
        """
        for path in (self._path, self._new):
            with contextlib.suppress(OSError):
                path.unlink()

    def _check(self):
        """Reads the file once, and goes back to the beginning of its content."""
        file, path = self._going_on, self._path
        content = os.fstat(file.fileno()).st_size - HEADER.size - TRAILER.size
        head = file.read(HEADER.size)
        if content < 0 or not head.startswith(MAGIC):
            raise ValueError(f"{path}: is no state of a fit")
        version = HEADER.unpack(head)[1]
        if version != VERSION:
            raise ValueError(f"{path}: state of version {version}; known is {VERSION}")
        left, found = content, 0
        while left > 0 and (piece := file.read(min(PIECE, left))):
            found = zlib.crc32(piece, found)
            left -= len(piece)
        if file.read() != TRAILER.pack(content, found):
            raise ValueError(f"{path}: was cut off or changed (its checksum is wrong)")
        file.seek(HEADER.size)
        self._left = content


class _Summed:
    """Counts and sums what goes into a file."""

    def __init__(self, file):
        self._file = file
        self.length = 0
        self.sum = 0

    def write(self, piece):
        self._file.write(piece)
        self.length += len(piece)
        self.sum = zlib.crc32(piece, self.sum)
