"""LangChain's tutorial pipeline: chunks of 1,000 characters, 200 shared, embedded as they are, FAISS, most similar first."""

import json
import sys
from pathlib import Path

from langchain_community.vectorstores import FAISS
from langchain_core.documents import Document
from langchain_huggingface import HuggingFaceEmbeddings
from langchain_text_splitters import RecursiveCharacterTextSplitter

job = json.loads(Path(sys.argv[1]).read_text("utf-8"))
documents = [Document(a["text"], metadata={"id": a["id"], "title": a["title"]}) for a in job["articles"]]
splitter = RecursiveCharacterTextSplitter(chunk_size=1000, chunk_overlap=200, add_start_index=True)
store = FAISS.from_documents(splitter.split_documents(documents), HuggingFaceEmbeddings(model_name=job["model"]))
result = {
    q["id"]: [d.metadata["id"] for d in store.similarity_search(q["question"], k=job["k"])] for q in job["questions"]
}
Path(sys.argv[2]).write_text(json.dumps(result), "utf-8")
