"""manifest.json: which derived files are current, and what the index was made with. SQLite overrules it."""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import xxhash

from index.dense import Snapshot, sync_folder

MANIFEST = "manifest.json"


@dataclass(frozen=True, slots=True)
class Manifest:
    """made_with: format, embedder, precision, dimension, chunking. lexical: the name of tantivy's folder."""

    made_with: dict[str, Any]
    snapshot: Snapshot | None = None
    lexical: str | None = None

    def write(self, folder: Path) -> None:
        """Aside, synced, renamed; it seals itself with an xxh3."""
        body = json.dumps(asdict(self), indent=1, sort_keys=True)
        aside = folder / f"{MANIFEST}.new"
        with aside.open("w", encoding="utf-8") as file:
            json.dump(
                {"manifest": json.loads(body), "xxh3": xxhash.xxh3_128_hexdigest(body.encode())},
                file,
                indent=1,
                sort_keys=True,
            )
            file.flush()
            os.fsync(file.fileno())
        os.replace(aside, folder / MANIFEST)
        sync_folder(folder)

    @classmethod
    def read(cls, folder: Path) -> Manifest | None:
        """None where there is none or it is damaged: everything it says can be made again."""
        try:
            found = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
            body = json.dumps(found["manifest"], indent=1, sort_keys=True)
            if xxhash.xxh3_128_hexdigest(body.encode()) != found["xxh3"]:
                return None
            about = found["manifest"]
            snapshot = Snapshot(**about["snapshot"]) if about["snapshot"] else None
            return cls(about["made_with"], snapshot, about["lexical"])
        except (OSError, ValueError, KeyError, TypeError):
            return None
