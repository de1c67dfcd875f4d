"""Entry for a local start, for containers and for Hugging Face Spaces: python app.py (options as of `python -m ftui ui`)"""

import os
import sys

if os.environ.get("SPACE_ID") and os.access("/data", os.W_OK):  # a Space with storage: what was downloaded stays
    os.environ.setdefault("HF_HOME", "/data/huggingface")

from ftui.__main__ import main  # noqa: E402

if __name__ == "__main__":
    sys.argv.insert(1, "ui")
    sys.exit(main())
