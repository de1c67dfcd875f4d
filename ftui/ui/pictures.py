"""Small drawings for the glossary, in the colours of the page. They repeat what the words beside them say."""

_TEXT = 'font-size="11" fill="var(--ink-2)"'


def _svg(inside: str, height: int = 96) -> str:
    return f'<svg viewBox="0 0 240 {height}" aria-hidden="true">{inside}</svg>'


def _axes() -> str:
    return '<path d="M14 8V84H232" fill="none" stroke="var(--line)" stroke-width="1.5"/>'


def _curve(path: str, colour: str, dashed: bool = False) -> str:
    dash = ' stroke-dasharray="5 4"' if dashed else ""
    return f'<path d="{path}" fill="none" stroke="var(--{colour})" stroke-width="2.5" stroke-linecap="round"{dash}/>'


def _box(x: int, y: int, width: int, height: int, colour: str, extra: str = "") -> str:
    return f'<rect x="{x}" y="{y}" width="{width}" height="{height}" rx="5" fill="var(--{colour})" {extra}/>'


def pretraining() -> str:
    books = "".join(_box(10 + 13 * i, 20 + (i * 7) % 12, 10, 56 - (i * 7) % 12, "base") for i in range(6))
    arrows = _curve("M96 48H120M114 42l6 6-6 6", "ink-3") + _curve("M182 48H200M194 42l6 6-6 6", "ink-3")
    return _svg(books + arrows + _box(126, 22, 52, 52, "accent") + _box(206, 34, 26, 28, "test"))


def strategy() -> str:
    def stack(x: int, trained: int, beside: bool = False) -> str:
        layers = (_box(x, 70 - 15 * i, 42, 11, "accent" if i >= 4 - trained else "line") for i in range(4))
        added = "".join(_box(x + 45, 70 - 15 * i, 7, 11, "accent") for i in range(4)) if beside else ""
        return "".join(layers) + added + _box(x + 9, 10, 24, 9, "accent")

    return _svg(stack(12, 4) + stack(70, 2) + stack(128, 0) + stack(182, 0, beside=True))


def learning_rate() -> str:
    valley = "M{0} 14C{1} 90 {2} 90 {3} 14"
    bowls = _curve(valley.format(10, 30, 84, 104), "line") + _curve(valley.format(134, 154, 208, 228), "line")
    small = "".join(f'<circle cx="{18 + 8 * i}" cy="{34 + 12 * i - i * i}" r="3" fill="var(--tuned)"/>' for i in range(5))
    large = _curve("M142 32L214 44L146 40L222 22", "failed")
    return _svg(bowls + small + large)


def epochs() -> str:
    dots = "".join(f'<circle cx="{34 + 60 * i}" cy="{70 - y}" r="5" fill="var(--validation)"/>' for i, y in enumerate((0, 30, 46, 42)))
    best = '<circle cx="154" cy="24" r="10" fill="none" stroke="var(--accent)" stroke-width="2"/>'
    return _svg(_axes() + _curve("M34 70L94 40L154 24L214 28", "validation") + dots + best)


def batch() -> str:
    few = _curve("M20 16L40 50L56 26L78 62L94 44L108 70", "base")
    many = _curve("M136 16C160 50 190 66 226 72", "tuned")
    return _svg(few + many)


def overfitting(train: str, validation: str) -> str:
    curves = _curve("M20 14C60 62 130 74 226 79", "train") + _curve("M20 20C60 58 90 62 116 60C160 56 196 40 226 26", "validation")
    turn = '<path d="M112 12V84" stroke="var(--ink-3)" stroke-dasharray="3 4"/><circle cx="112" cy="60" r="5" fill="var(--accent)"/>'
    names = f'<text x="170" y="72" {_TEXT}>{train}</text><text x="164" y="26" {_TEXT}>{validation}</text>'
    return _svg(_axes() + curves + turn + names)


def splits(train: str, validation: str, test: str) -> str:
    parts = _box(10, 24, 150, 30, "train") + _box(164, 24, 24, 30, "validation") + _box(192, 24, 40, 30, "test")
    names = f'<text x="12" y="74" {_TEXT}>{train}</text><text x="176" y="74" text-anchor="middle" {_TEXT}>{validation}</text>'
    return _svg(parts + names + f'<text x="232" y="90" text-anchor="end" {_TEXT}>{test}</text>')


def metrics() -> str:
    strength = ((0.95, 0.15, 0.1), (0.2, 0.8, 0.1), (0.1, 0.25, 0.9))
    cells = (
        _box(66 + 36 * j, 4 + 30 * i, 33, 27, "accent", f'fill-opacity="{value}"')
        for i, row in enumerate(strength)
        for j, value in enumerate(row)
    )
    return _svg("".join(cells))


def calibration() -> str:
    bars = "".join(_box(24 + 40 * i, 84 - h, 30, h, "tuned") for i, h in enumerate((12, 24, 36, 44, 58)))
    return _svg(_axes() + bars + _curve("M14 84L228 10", "ink-3", dashed=True))
