"""Entry for a local start and for Hugging Face Spaces: python app.py"""

import os

from ftui.core import home
from ftui.ui.app import serve_ui

if __name__ == "__main__":
    serve_ui(
        home.resolve(),
        host=os.environ.get("GRADIO_SERVER_NAME", "127.0.0.1"),
        port=int(os.environ.get("GRADIO_SERVER_PORT", "7860")),
        no_auth="SPACE_ID" in os.environ,
    )
