"""A bar chart as SVG, in words and colours that read on a light and on a dark page."""
from xml.sax.saxutils import escape

ROW, LABEL, WIDTH = 26, 290, 760


def bars(values, reference):
    """`values` by name, each drawn as a bar with its part of values[reference]."""
    largest = max(values.values())
    height = ROW * (len(values) + 1) + 12
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" font-family="sans-serif" font-size="13">',
        f'<text x="8" y="18" fill="#808080">One TCP flow through each tunnel, as a part of {escape(reference)} '
        "(one run, medians)</text>",
    ]
    for row, (name, value) in enumerate(values.items(), 1):
        top = ROW * row + 4
        length = max(1.0, (WIDTH - LABEL - 70) * value / largest)
        colour = "#9e9e9e" if name == reference else "#2a7de1" if name.startswith("tunneld") else "#e07b39"
        lines += [
            f'<text x="{LABEL - 8}" y="{top + 15}" text-anchor="end" fill="#808080">{escape(name)}</text>',
            f'<rect x="{LABEL}" y="{top}" width="{length:.1f}" height="{ROW - 6}" rx="2" fill="{colour}"/>',
            f'<text x="{LABEL + length + 6:.1f}" y="{top + 15}" fill="#808080">{value / values[reference]:.2f}</text>',
        ]
    return "\n".join([*lines, "</svg>"]) + "\n"
