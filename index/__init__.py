"""Articles in, passages out: reading, splitting, embedding, the store. Imports neither rag nor ui."""
