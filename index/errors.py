"""Every error that the index raises on purpose. Messages name the value, the limit and the fix.

NewsdeskError
├── IndexFolderError ....... anything about an index folder
│   ├── IndexMissing ....... no index there
│   ├── IndexLocked ........ another process writes
│   ├── IndexMismatch ...... made with another embedder, chunking or format
│   └── IndexDamaged ....... the SQLite file is damaged: how to recover
├── ArticleMissing ......... no article with that id
├── ModelMissing ........... weights not found, or not the ones that were checked
└── SettingsError .......... an unknown or impossible setting
"""


class NewsdeskError(Exception):
    """Base of newsdesk's own errors; its text is one line that a user can act on."""


class IndexFolderError(NewsdeskError):
    """Base of errors about an index folder."""


class IndexMissing(IndexFolderError):
    """There is no index at that place."""


class IndexLocked(IndexFolderError):
    """Another process is writing to the index; the message names it."""


class IndexMismatch(IndexFolderError):
    """The index was made with another embedder, chunking or format version."""


class IndexDamaged(IndexFolderError):
    """The index's SQLite file is damaged."""


class ArticleMissing(NewsdeskError):
    """No article has that id."""


class ModelMissing(NewsdeskError):
    """A model's files are absent or have another digest."""


class SettingsError(NewsdeskError):
    """A setting is unknown or impossible."""
