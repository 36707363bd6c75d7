"""txtai's hybrid index (BM25 and embeddings, its own weights) over whole articles, as its examples index them."""

import json
import sys
from pathlib import Path

from txtai import Embeddings
from txtai.vectors import VectorsFactory
from vectors import Vectors

job = json.loads(Path(sys.argv[1]).read_text("utf-8"))
model = VectorsFactory.create({"path": job["model"], "normalize": True}, None)
kept = Vectors(Path(job["vectors"]), "txtai_hybrid")
index = Embeddings(
    method="external", transform=lambda texts: kept.embed(texts, lambda some: model.encode(some).tolist()), hybrid=True
)
index.index([(a["id"], a["text"], None) for a in job["articles"]])
result = {q["id"]: [[key, score] for key, score in index.search(q["question"], job["k"])] for q in job["questions"]}
Path(sys.argv[2]).write_text(json.dumps(result), "utf-8")
