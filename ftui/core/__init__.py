"""The ground: recipe, home directory, events, index, languages. No torch, no gradio."""
