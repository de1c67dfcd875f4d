"""How everything looks: theme, style sheet, one plotly template. Colours are named here and defined in assets/style/ftui.css.

A figure names its colours as "var(--<name>)"; the page puts in those of its theme (light or dark), so the server draws each chart once.
"""

import inspect
from pathlib import Path

ASSETS = Path(__file__).parents[2] / "assets" / "style"

# The same thing has the same colour everywhere (Okabe and Ito's palette, safe for colour-blind eyes).
TRAIN, VALIDATION, TEST = "var(--train)", "var(--validation)", "var(--test)"
BASE, TUNED = "var(--base)", "var(--tuned)"
ACCENT, INK, SUBDUED, LINE, CARD = "var(--accent)", "var(--ink)", "var(--ink-2)", "var(--line-2)", "var(--card)"
BAD = "var(--failed)"
# For one line a class, in this order: none of the colours above but one, since those mean something.
SERIES = [TUNED, "#e69f00", "#56b4e9", "#cc79a7", "#44aa99", "#999933", "#aa4466", BASE]

STATE_ICONS = {
    "queued": "◷",
    "starting": "◌",
    "running": "●",
    "stopping": "◍",
    "finished": "✓",
    "stopped": "■",
    "failed": "✕",
    "lost": "?",
}

AXIS = {
    "gridcolor": LINE,
    "linecolor": LINE,
    "zeroline": False,
    "tickfont": {"color": SUBDUED, "size": 11.5},
    "title": {"font": {"color": SUBDUED, "size": 12}, "standoff": 8},
    "automargin": True,
    "fixedrange": True,
}

# Merged into the layout of every figure.
LAYOUT = {
    "template": "none",
    "font": {
        "family": "system-ui, -apple-system, 'Segoe UI', 'PingFang SC', 'Microsoft YaHei', 'Noto Sans CJK SC', sans-serif"
    }
    | {"size": 12.5, "color": INK},
    "paper_bgcolor": "rgba(0,0,0,0)",
    "plot_bgcolor": "rgba(0,0,0,0)",
    "margin": {"l": 44, "r": 14, "t": 10, "b": 40},
    "height": 260,
    "hoverlabel": {"bgcolor": CARD, "bordercolor": LINE, "font": {"color": INK}},
    "hovermode": "closest",
    "legend": {"orientation": "h", "x": 0, "y": 1.02, "yanchor": "bottom", "font": {"color": SUBDUED, "size": 12}},
    "colorway": SERIES,
    "xaxis": AXIS,
    "yaxis": AXIS,
}


def theme():
    """Gradio's theme, drawn from the same variables as the style sheet."""
    import gradio as gr

    sans = [
        "system-ui",
        "-apple-system",
        "Segoe UI",
        "PingFang SC",
        "Microsoft YaHei",
        "Noto Sans CJK SC",
        "sans-serif",
    ]
    mono = ["ui-monospace", "SFMono-Regular", "Menlo", "Consolas", "Noto Sans Mono CJK SC", "monospace"]
    values = {
        "body_background_fill": "var(--paper)",
        "body_text_color": "var(--ink)",
        "body_text_color_subdued": "var(--ink-2)",
        "background_fill_primary": "var(--card)",
        "background_fill_secondary": "var(--paper)",
        "border_color_primary": "var(--line)",
        "border_color_accent": "var(--accent)",
        "color_accent": "var(--accent)",
        "color_accent_soft": "var(--accent-soft)",
        "block_background_fill": "transparent",
        "block_border_color": "var(--line)",
        "block_label_background_fill": "transparent",
        "block_label_text_color": "var(--ink-2)",
        "block_title_text_color": "var(--ink)",
        "block_info_text_color": "var(--ink-2)",
        "input_background_fill": "var(--card)",
        "input_border_color": "var(--line)",
        "input_border_color_focus": "var(--accent)",
        "input_placeholder_color": "var(--ink-3)",
        "slider_color": "var(--accent)",
        "checkbox_background_color": "var(--card)",
        "checkbox_background_color_selected": "var(--accent)",
        "checkbox_border_color_selected": "var(--accent)",
        "checkbox_border_color": "var(--line)",
        "checkbox_label_background_fill": "var(--card)",
        "checkbox_label_background_fill_selected": "var(--accent-soft)",
        "checkbox_label_text_color_selected": "var(--ink)",
        "panel_background_fill": "transparent",
        "link_text_color": "var(--accent-text)",
        "loader_color": "var(--accent)",
    }
    base = gr.themes.Base(font=sans, font_mono=mono, text_size=gr.themes.sizes.text_md)
    known = inspect.signature(base.set).parameters
    dark = {f"{name}_dark": value for name, value in values.items() if f"{name}_dark" in known}
    fixed = {
        "block_radius": "12px",
        "input_radius": "10px",
        "input_border_width": "1px",
        "container_radius": "14px",
        "block_shadow": "none",
        "block_shadow_dark": "none",
        "input_shadow": "none",
        "input_shadow_focus": "none",
        "block_label_text_size": "13px",
        "block_title_text_size": "13.5px",
        "block_title_text_weight": "600",
        "block_border_width": "0px",
        "block_border_width_dark": "0px",
        "block_padding": "0px",
        "input_padding": "10px 12px",
        "layout_gap": "14px",
        "form_gap_width": "0px",
    }
    return base.set(**values, **dark, **fixed)


def css() -> str:
    """The style sheet of the pages."""
    return (ASSETS / "ftui.css").read_text(encoding="utf-8")


def script() -> str:
    """What runs in the page before Gradio starts."""
    return "".join((ASSETS / name).read_text(encoding="utf-8") for name in ("ftui.js", "live.js", "board.js"))
