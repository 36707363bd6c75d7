"""LangChain's tutorial pipeline: chunks of 1,000 characters, 200 shared, embedded as they are, FAISS, most similar first."""

import json
import sys
from pathlib import Path

from langchain_community.vectorstores import FAISS
from langchain_core.documents import Document
from langchain_core.embeddings import Embeddings
from langchain_huggingface import HuggingFaceEmbeddings
from langchain_text_splitters import RecursiveCharacterTextSplitter
from vectors import Vectors

job = json.loads(Path(sys.argv[1]).read_text("utf-8"))


class Kept(Embeddings):
    """HuggingFaceEmbeddings, each text once."""

    def __init__(self) -> None:
        self._inner = HuggingFaceEmbeddings(model_name=job["model"])
        self._vectors = Vectors(Path(job["vectors"]), "langchain_tutorial")

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        return self._vectors.embed(texts, self._inner.embed_documents)

    def embed_query(self, text: str) -> list[float]:
        return self.embed_documents([text])[0]


documents = [Document(a["text"], metadata={"id": a["id"], "title": a["title"]}) for a in job["articles"]]
splitter = RecursiveCharacterTextSplitter(chunk_size=1000, chunk_overlap=200, add_start_index=True)
store = FAISS.from_documents(splitter.split_documents(documents), Kept())
result = {}
for q in job["questions"]:
    found = store.similarity_search_with_score(q["question"], k=job["k"])
    result[q["id"]] = [[document.metadata["id"], -float(distance)] for document, distance in found]
Path(sys.argv[2]).write_text(json.dumps(result), "utf-8")
