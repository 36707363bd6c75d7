"""Questions in, cited answers out: retrieve, read, answer, cite, evaluate. Imports index, never ui."""
