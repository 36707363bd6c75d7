"""A name -> a LangChain chat model. It leaves out talking to it.

Keys are read from the environment by the providers' own packages and are never taken as an argument, logged or stored.
"""

from __future__ import annotations

import importlib.util
import inspect
import os
import pkgutil
from typing import TYPE_CHECKING, Any

from rag.errors import ChatModelError
from rag.settings import Settings

if TYPE_CHECKING:
    from langchain_core.language_models import BaseChatModel

_EXTRAS = {"openai": "openai", "anthropic": "anthropic", "ollama": "ollama"}
"""Provider -> newsdesk's extra; each is the package `langchain-<provider>`."""
_KEYS = {"openai": "OPENAI_API_KEY", "anthropic": "ANTHROPIC_API_KEY"}
NO_KEY = "none"
"""Sent to an OpenAI-compatible server of one's own, which asks for no key but gets one with every request."""


def load_chat_model(name: str, base_url: str | None = None, settings: Settings | None = None) -> BaseChatModel:
    """The chat model `provider:model`, or `package.module:attribute` (a model, or a function that makes one).

    base_url: an OpenAI-compatible server (default: the setting llm_base_url); `name` may then be the bare model name.
    Raises ChatModelError that names the extra to install, the variable that should hold the key, or the form of a name.
    """
    settings = settings or Settings()
    base_url = base_url or settings.llm_base_url
    provider, _, model = name.partition(":")
    if "." in provider and model and not base_url:
        return _from_python(name)
    if base_url and provider not in _EXTRAS:
        provider, model = "openai", name
    if not model:
        raise ChatModelError(f"{name!r} is not a language model: write provider:model, for example ollama:llama3.2")
    extra = _EXTRAS.get(provider)
    if importlib.util.find_spec(f"langchain_{provider.replace('-', '_')}") is None:
        fix = f"pip install 'newsdesk[{extra}]'" if extra else f"pip install langchain-{provider.replace('_', '-')}"
        raise ChatModelError(f"{name!r} needs the package langchain-{provider.replace('_', '-')}: {fix}")
    options: dict[str, Any] = {"temperature": 0}
    if base_url:
        options["base_url"] = base_url
    if provider in _KEYS:
        options |= {"timeout": settings.llm_seconds, "max_retries": 1}
        if not os.environ.get(_KEYS[provider]):
            if not base_url:
                raise ChatModelError(f"{name!r} needs its key in the environment variable {_KEYS[provider]}")
            options["api_key"] = NO_KEY
    from langchain.chat_models import init_chat_model

    try:
        made: Any = init_chat_model(model, model_provider=provider, **options)
    except Exception as error:  # providers raise errors of their own; their text may hold what was configured
        raise ChatModelError(f"{name!r} could not be set up ({type(error).__name__})") from None
    return _checked(name, made)


def _from_python(name: str) -> BaseChatModel:
    try:
        found = pkgutil.resolve_name(name)
    except (ImportError, AttributeError, ValueError) as error:
        raise ChatModelError(f"{name!r} cannot be imported: {error}") from None
    from langchain_core.language_models import BaseChatModel

    if inspect.isfunction(found) or isinstance(found, type) and issubclass(found, BaseChatModel):
        try:
            found = found()
        except Exception as error:  # somebody else's code
            raise ChatModelError(f"{name!r} failed to make a chat model ({type(error).__name__})") from None
    return _checked(name, found)


def _checked(name: str, made: Any) -> BaseChatModel:
    from langchain_core.language_models import BaseChatModel

    if not isinstance(made, BaseChatModel):
        raise ChatModelError(f"{name!r} is a {type(made).__name__}, not a LangChain BaseChatModel")
    return made
