"""The values that reading, splitting, embedding and the store go by. Where they come from is rag.settings."""

from pydantic import BaseModel, ConfigDict, Field


class IndexSettings(BaseModel):
    """Limits are per file unless they say otherwise."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    embedder: str = Field("minilm", description="'minilm' (bundled) or the name of a sentence-transformers model")
    threads: int = Field(2, ge=1, description="threads for ONNX Runtime, FAISS and tantivy")
    max_file_bytes: int = Field(50_000_000, ge=1, description="larger files are rejected")
    max_article_characters: int = Field(2_000_000, ge=1, description="longer articles are rejected")
    read_seconds: float = Field(30.0, gt=0, description="a file that takes longer to read is rejected")
    read_memory_bytes: int = Field(2_000_000_000, ge=1, description="a reader process that takes more is killed")
    fetch_private: bool = Field(False, description="URLs of private and loopback addresses may be fetched")
    passage_tokens: int = Field(256, ge=32, description="word pieces of a passage, its title and section included")
    overlap_sentences: int = Field(1, ge=0, description="sentences that a passage repeats of the one before it")
    exact_filter_limit: int = Field(
        20_000, ge=1, description="up to so many allowed passages a filter is scored exactly"
    )
    hnsw_from: int = Field(100_000, ge=1, description="from so many passages the dense index is HNSW, below it exact")
    lexical_commit_seconds: float = Field(2.0, gt=0, description="BM25 commits at this interval during an ingest")
