"""What people touch: the command line and the chat page. Answers only through rag.Bot."""
