"""txtai's hybrid index (BM25 and embeddings, its own weights) over whole articles, as its examples index them."""

import json
import sys
from pathlib import Path

from txtai import Embeddings

job = json.loads(Path(sys.argv[1]).read_text("utf-8"))
index = Embeddings(path=job["model"], hybrid=True)
index.index([(a["id"], a["text"], None) for a in job["articles"]])
result = {q["id"]: [key for key, _ in index.search(q["question"], job["k"])] for q in job["questions"]}
Path(sys.argv[2]).write_text(json.dumps(result), "utf-8")
