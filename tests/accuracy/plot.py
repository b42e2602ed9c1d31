# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""A scatter of perplexity over the reference's (log scale) against bits a weight, a panel a model, as SVG without a library."""
import math
from xml.sax.saxutils import escape

WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM = 860, 420, 70, 30, 50, 50
OURS, PEERS = "#2563eb", "#d97706"


def ticks(low, high):
    """Round numbers from low to high on a log scale."""
    steps = (1, 1.1, 1.2, 1.3, 1.5, 1.75, 2, 2.5, 3, 4, 5, 6, 8)
    all_of_them = [s * 10**e for e in range(0, 6) for s in steps]
    return [t for t in all_of_them if low <= t <= high]


def panel(title, points, top):
    low = min(0.98, min(p[1] for p in points) * 0.97)
    high = max(p[1] for p in points) * 1.06
    left, right = min(p[0] for p in points) - 0.3, max(p[0] for p in points) + 1.6
    x = lambda b: LEFT + (b - left) / (right - left) * (WIDTH - LEFT - RIGHT)
    y = lambda v: top + TOP + (math.log(high) - math.log(v)) / (math.log(high) - math.log(low)) * (HEIGHT - TOP - BOTTOM)
    out = [f'<text x="{LEFT}" y="{top + 28}" font-size="16" font-weight="bold">{escape(title)}</text>']
    for t in ticks(low, high):
        out.append(f'<line x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y(t):.1f}" y2="{y(t):.1f}" stroke="#ddd"/>'
                   f'<text x="{LEFT - 8}" y="{y(t) + 4:.1f}" text-anchor="end">{t:g}</text>')
    for b in range(math.ceil(left), math.floor(right) + 1):
        out.append(f'<line x1="{x(b):.1f}" x2="{x(b):.1f}" y1="{top + TOP}" y2="{top + HEIGHT - BOTTOM}" stroke="#eee"/>'
                   f'<text x="{x(b):.1f}" y="{top + HEIGHT - BOTTOM + 18}" text-anchor="middle">{b}</text>')
    out.append(f'<text x="{WIDTH / 2}" y="{top + HEIGHT - 10}" text-anchor="middle">bits a weight of the linears, scales included</text>')
    taken = []
    for bits, value, name, ours in sorted(points, key=lambda p: p[1]):
        at = y(value) + 4
        while any(abs(at - t) < 13 and abs(bits - b) < 1.4 for b, t in taken):
            at -= 13
        taken.append((bits, at))
        moved = abs(at - y(value) - 4) > 1  # a label that gave way to another is led to its dot
        if moved:
            out.append(f'<line x1="{x(bits):.1f}" y1="{y(value):.1f}" x2="{x(bits) + 24:.1f}" y2="{at - 4:.1f}" stroke="#999"/>')
        out.append(f'<circle cx="{x(bits):.1f}" cy="{y(value):.1f}" r="4" fill="{OURS if ours else PEERS}"/>'
                   f'<text x="{x(bits) + (27 if moved else 9):.1f}" y="{at:.1f}">{escape(name)} {value:.2f}</text>')
    return out


def scatter(models, points):
    """models: key to title; points: (model, name, bits, perplexity over the reference's, whether it is ours)."""
    shown = [m for m in models if any(p[0] == m for p in points)]
    out = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {max(1, len(shown)) * HEIGHT}" font-family="sans-serif" font-size="12">',
           '<rect width="100%" height="100%" fill="white"/>']
    for i, model in enumerate(shown):
        out += panel(models[model] + ": perplexity, times the reference's", [(b, v, n, o) for m, n, b, v, o in points if m == model], i * HEIGHT)
    return "\n".join(out + ["</svg>", ""])
