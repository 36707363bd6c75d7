"""Haystack's in-memory store: articles split at 200 words, BM25 and embeddings, joined by reciprocal ranks."""

import json
import sys
from dataclasses import replace
from pathlib import Path

from haystack import Document
from haystack_integrations.components.embedders.sentence_transformers import SentenceTransformersDocumentEmbedder
from haystack.components.joiners import DocumentJoiner
from haystack.components.preprocessors import DocumentSplitter
from haystack.components.retrievers.in_memory import InMemoryBM25Retriever, InMemoryEmbeddingRetriever
from haystack.document_stores.in_memory import InMemoryDocumentStore
from haystack.document_stores.types import DuplicatePolicy
from vectors import Vectors

job = json.loads(Path(sys.argv[1]).read_text("utf-8"))
documents = [Document(content=a["text"], meta={"id": a["id"], "title": a["title"]}) for a in job["articles"]]
splitter = DocumentSplitter(split_by="word", split_length=200, split_overlap=20)
chunks = splitter.run(documents)["documents"]
embedder = SentenceTransformersDocumentEmbedder(model=job["model"], progress_bar=False)
embedder.warm_up()
vectors = Vectors(Path(job["vectors"]), "haystack_memory")


def embed(texts: list[str]) -> list[list[float]]:
    made = embedder.run([Document(content=text) for text in texts])["documents"]
    return [document.embedding for document in made]


made = vectors.embed([c.content for c in chunks], embed)
store = InMemoryDocumentStore(embedding_similarity_function="cosine")
store.write_documents(
    [replace(chunk, embedding=vector) for chunk, vector in zip(chunks, made, strict=True)], policy=DuplicatePolicy.SKIP
)
dense = InMemoryEmbeddingRetriever(store, top_k=job["k"])
lexical = InMemoryBM25Retriever(store, top_k=job["k"])
joiner = DocumentJoiner(join_mode="reciprocal_rank_fusion", top_k=job["k"])
asked = vectors.embed([q["question"] for q in job["questions"]], embed)
result = {}
for q, vector in zip(job["questions"], asked, strict=True):
    near = dense.run(query_embedding=vector)["documents"]
    matching = lexical.run(query=q["question"])["documents"]
    joined = joiner.run(documents=[near, matching])["documents"]
    # The joined score is of ranks and says nothing across questions, so the similarity goes along.
    similarity = {d.id: d.score for d in near}
    result[q["id"]] = [[d.meta["id"], similarity.get(d.id, 0.0)] for d in joined]
Path(sys.argv[2]).write_text(json.dumps(result), "utf-8")
