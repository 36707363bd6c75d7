"""Haystack's in-memory store: articles split at 200 words, BM25 and embeddings, joined by reciprocal ranks."""

import json
import sys
from pathlib import Path

from haystack import Document
from haystack.components.embedders import SentenceTransformersDocumentEmbedder, SentenceTransformersTextEmbedder
from haystack.components.joiners import DocumentJoiner
from haystack.components.preprocessors import DocumentSplitter
from haystack.components.retrievers.in_memory import InMemoryBM25Retriever, InMemoryEmbeddingRetriever
from haystack.document_stores.in_memory import InMemoryDocumentStore

job = json.loads(Path(sys.argv[1]).read_text("utf-8"))
documents = [Document(content=a["text"], meta={"id": a["id"], "title": a["title"]}) for a in job["articles"]]
chunks = DocumentSplitter(split_by="word", split_length=200, split_overlap=20).run(documents)["documents"]
embedder = SentenceTransformersDocumentEmbedder(model=job["model"], progress_bar=False)
embedder.warm_up()
store = InMemoryDocumentStore(embedding_similarity_function="cosine")
store.write_documents(embedder.run(chunks)["documents"])
asking = SentenceTransformersTextEmbedder(model=job["model"], progress_bar=False)
asking.warm_up()
dense = InMemoryEmbeddingRetriever(store, top_k=job["k"])
lexical = InMemoryBM25Retriever(store, top_k=job["k"])
joiner = DocumentJoiner(join_mode="reciprocal_rank_fusion", top_k=job["k"])
result = {}
for q in job["questions"]:
    near = dense.run(query_embedding=asking.run(q["question"])["embedding"])["documents"]
    matching = lexical.run(query=q["question"])["documents"]
    result[q["id"]] = [d.meta["id"] for d in joiner.run(documents=[near, matching])["documents"]]
Path(sys.argv[2]).write_text(json.dumps(result), "utf-8")
