"""Errors of the question's way to its answer.

index.errors.NewsdeskError
├── QuestionError ......... the question cannot be asked as it stands
├── ChatModelError ........ the LLM is missing, failed or took too long
├── ArticleChanged ........ an article was changed after the passage in hand was found
└── DatasetError .......... an evaluation data set cannot be read
"""

from index.errors import NewsdeskError


class QuestionError(NewsdeskError):
    """The question cannot be asked as it stands."""


class ChatModelError(NewsdeskError):
    """The language model is missing, failed or took too long."""


class ArticleChanged(NewsdeskError):
    """The article no longer has the passage that was found in it: search again."""


class DatasetError(NewsdeskError):
    """An evaluation data set cannot be read."""
