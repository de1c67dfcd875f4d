"""The pages: gradio and plotly, one file for each tab, charts as pure functions. Never imports torch."""
