"""The providers there are: what each needs installed, and where its key is looked for.

A table, so that a name can be checked and a missing key be said without importing anything.
"""

from __future__ import annotations

import importlib.util
import os

from msgspec import Struct

IN_EXTRA = {"openai", "anthropic", "google.genai", "groq"}
"""The SDKs that the extra `[models]` brings."""


class Provider(Struct, frozen=True):
    """A provider of models: the module its SDK is, and the variables its key may be in.

    A server on one's own machine is at `local` unless the variable `address` says otherwise, and needs
    no key.
    """

    sdk: str
    keys: tuple[str, ...]
    address: str = ""
    local: str = ""

    @property
    def installed(self) -> bool:
        """Whether what it needs is installed."""
        return all(there(module) for module in ("pydantic_ai", self.sdk))

    @property
    def in_extra(self) -> bool:
        """Whether the extra `[models]` brings what it needs."""
        return self.sdk in IN_EXTRA

    @property
    def key(self) -> str:
        """Its key, from the environment; empty where there is none."""
        return next((os.environ[name] for name in self.keys if os.environ.get(name)), "")

    @property
    def where(self) -> str:
        """The address of a server of one's own; empty for a provider that has a known one."""
        return os.environ.get(self.address, self.local) if self.local else ""


def there(module: str) -> bool:
    """Whether a module is installed; it is not imported."""
    try:
        return importlib.util.find_spec(module) is not None
    except ModuleNotFoundError:  # of `google.genai` where there is no `google`
        return False


def _like_openai(*keys: str, address: str = "", local: str = "") -> Provider:
    return Provider("openai", keys, address, local)


PROVIDERS = {
    "openai": _like_openai("OPENAI_API_KEY", address="OPENAI_BASE_URL"),
    "openai-chat": _like_openai("OPENAI_API_KEY", address="OPENAI_BASE_URL"),
    "anthropic": Provider("anthropic", ("ANTHROPIC_API_KEY",), "ANTHROPIC_BASE_URL"),
    "google": Provider("google.genai", ("GOOGLE_API_KEY", "GEMINI_API_KEY")),
    "groq": Provider("groq", ("GROQ_API_KEY",), "GROQ_BASE_URL"),
    "mistral": Provider("mistralai.client", ("MISTRAL_API_KEY",)),
    "cohere": Provider("cohere", ("CO_API_KEY",)),
    "xai": Provider("xai_sdk", ("XAI_API_KEY",)),
    "huggingface": Provider("huggingface_hub", ("HF_TOKEN",)),
    "ollama": _like_openai("OLLAMA_API_KEY", address="OLLAMA_BASE_URL", local="http://localhost:11434/v1"),
    "vllm": _like_openai("VLLM_API_KEY", address="VLLM_BASE_URL", local="http://localhost:8000/v1"),
    "openrouter": _like_openai("OPENROUTER_API_KEY"),
    "deepseek": _like_openai("DEEPSEEK_API_KEY"),
    "azure": _like_openai("AZURE_OPENAI_API_KEY", address="AZURE_OPENAI_ENDPOINT"),
    "alibaba": _like_openai("ALIBABA_API_KEY", "DASHSCOPE_API_KEY"),
    "cerebras": _like_openai("CEREBRAS_API_KEY"),
    "fireworks": _like_openai("FIREWORKS_API_KEY"),
    "github-copilot": _like_openai("GITHUB_COPILOT_API_KEY", "COPILOT_GITHUB_TOKEN"),
    "heroku": _like_openai("HEROKU_INFERENCE_KEY"),
    "meta": _like_openai("META_API_KEY"),
    "moonshotai": _like_openai("MOONSHOTAI_API_KEY", address="MOONSHOTAI_BASE_URL"),
    "nebius": _like_openai("NEBIUS_API_KEY"),
    "ovhcloud": _like_openai("OVHCLOUD_API_KEY"),
    "sambanova": _like_openai("SAMBANOVA_API_KEY", address="SAMBANOVA_BASE_URL"),
    "snowflake": _like_openai("SNOWFLAKE_TOKEN"),
    "together": _like_openai("TOGETHER_API_KEY"),
    "vercel": _like_openai("VERCEL_AI_GATEWAY_API_KEY", "VERCEL_OIDC_TOKEN"),
    "zai": _like_openai("ZAI_API_KEY"),
}
"""Providers by name, as pydantic-ai calls them; a test holds the table to that."""
