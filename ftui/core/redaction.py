"""Secrets do not belong into texts: not into errors, events and logs, nor into what is handed out."""

import os
import re

SECRETS = ("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN", "HUGGINGFACE_HUB_TOKEN", "FTUI_AUTH", "FTUI_API_KEY", "GRADIO_TOKEN")
SHORTEST = 6  # characters: what is shorter would be found by chance
_TOKEN = re.compile(r"hf_[A-Za-z0-9]{16,}")
_LOGIN = re.compile(r"(?<=://)[^/@\s:]+:[^/@\s]+(?=@)")
HIDDEN = "***"


def redacted(text: str) -> str:
    """The text without tokens of the Hub, logins in addresses, and the secrets of this process's environment.

    >>> redacted("https://me:secret@example.org refused hf_abcdefghijklmnopqr")
    'https://***@example.org refused ***'
    """
    text = _LOGIN.sub(HIDDEN, _TOKEN.sub(HIDDEN, text))
    for name in SECRETS:
        value = os.environ.get(name, "")
        for secret in {value, value.partition(":")[2] if name == "FTUI_AUTH" else ""}:
            if len(secret) >= SHORTEST:
                text = text.replace(secret, HIDDEN)
    return text
