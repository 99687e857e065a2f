"""A report as one HTML file that needs nothing else, for light and dark screens."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from feedback.diagnostics import figures
from feedback.diagnostics.advice import ADVICE
from feedback.diagnostics.figures import DARK, LIGHT, Picture, data_url, png
from feedback.diagnostics.findings import Finding, Mark

#: Shape and word of a mark; colour alone would leave out those who cannot tell red from green.
SIGNS: dict[Mark, tuple[str, str]] = {
    "good": ("✓", "good"),
    "fair": ("!", "look here"),
    "bad": ("✕", "bad"),
    "none": ("?", "nothing to judge"),
}

_PAGE = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>{title}</title>
<style>
:root {{
  --ground: #f6f7f9; --card: #ffffff; --ink: #1f2430; --muted: #5d6675; --line: #e3e6eb;
  --good: #047857; --fair: #b45309; --bad: #c81e1e; --none: #6b7280;
}}
@media (prefers-color-scheme: dark) {{
  :root {{
    --ground: #14171d; --card: #1c2129; --ink: #e8eaf0; --muted: #a3acba; --line: #2d3440;
    --good: #34d399; --fair: #f0b04a; --bad: #ff7b72; --none: #9aa3b2;
  }}
}}
* {{ box-sizing: border-box; }}
body {{
  margin: 0; background: var(--ground); color: var(--ink);
  font: 16px/1.55 system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", sans-serif;
}}
main {{ max-width: 48rem; margin: 0 auto; padding: 3rem 1.25rem 4rem; }}
h1 {{ font-size: 1.9rem; line-height: 1.2; margin: 0 0 .3rem; letter-spacing: -.015em; }}
h2 {{ font-size: 1.15rem; line-height: 1.35; margin: 0; }}
p {{ margin: .6rem 0 0; }}
.sub, .reading, footer {{ color: var(--muted); }}
.card {{
  background: var(--card); border: 1px solid var(--line); border-radius: 12px;
  padding: 1.25rem 1.4rem; margin-top: 1.25rem;
}}
.summary {{ padding: .4rem 1.4rem; list-style: none; }}
.summary li {{ display: flex; gap: .85rem; padding: .7rem 0; border-top: 1px solid var(--line); }}
.summary li:first-child {{ border-top: 0; }}
.summary a {{ color: inherit; text-decoration: none; }}
.summary a:hover {{ text-decoration: underline; }}
.summary .bad a {{ font-weight: 600; }}
.mark {{
  flex: none; width: 1.5rem; height: 1.5rem; border-radius: 50%; color: var(--card);
  background: var(--none); font-weight: 700; font-size: .85rem; line-height: 1.5rem; text-align: center;
}}
.good .mark {{ background: var(--good); }}
.fair .mark {{ background: var(--fair); }}
.bad .mark {{ background: var(--bad); }}
.head {{ display: flex; gap: .75rem; align-items: center; }}
.headline {{ font-size: 1.02rem; }}
.reading, .remedy {{ font-size: .92rem; }}
.remedy {{ border-left: 3px solid var(--line); padding-left: .8rem; color: var(--muted); }}
.fair .remedy {{ border-color: var(--fair); color: inherit; }}
.bad .remedy {{ border-color: var(--bad); color: inherit; }}
img {{ display: block; width: 100%; height: auto; margin-top: 1rem; }}
.plain {{ padding-left: 1.2rem; margin-bottom: 0; }}
.plain li {{ margin-top: .3rem; overflow-wrap: anywhere; }}
footer {{ font-size: .85rem; margin-top: 2rem; }}
@media print {{ .card {{ break-inside: avoid; }} main {{ padding: 0; }} }}
</style>
</head>
<body>
<main>
<header><h1>{title}</h1><p class="sub">{subtitle}</p></header>
<ul class="card summary">
{summary}
</ul>
{sections}
{left_out}
<footer>{footer}</footer>
</main>
</body>
</html>
"""


def render(
    findings: Sequence[Finding], *, title: str, subtitle: str, left_out: Sequence[str] = (), footer: str = ""
) -> str:
    """Return the page.

    Args:
        findings: The sections, in their order.
        title: Heading.
        subtitle: Line below it.
        left_out: What was not used, and why, one sentence each.
        footer: Last line.
    """
    return _PAGE.format(
        title=escape(title),
        subtitle=escape(subtitle),
        summary="\n".join(_line(finding) for finding in findings),
        sections="\n".join(_section(finding) for finding in findings),
        left_out=_left_out(left_out),
        footer=escape(footer),
    )


def _line(finding: Finding) -> str:
    return (
        f'<li class="{finding.mark}">{_sign(finding.mark)}'
        f'<a href="#{finding.key}">{escape(finding.headline)}</a></li>'
    )


def _section(finding: Finding) -> str:
    words = ADVICE[finding.key]
    parts = [
        f'<div class="head">{_sign(finding.mark)}<h2>{escape(words.title)}</h2></div>',
        f'<p class="headline">{escape(finding.headline)}</p>',
    ]
    if finding.picture is not None:
        parts += [
            _picture(finding.picture),
            f'<p class="reading">{escape(words.reading)}</p>',
            f'<p class="remedy"><b>If it is bad:</b> {escape(words.remedy)}</p>',
        ]
    body = "\n".join(parts)
    return f'<section class="card {finding.mark}" id="{finding.key}">\n{body}\n</section>'


def _picture(picture: Picture) -> str:
    if not figures.available():
        return "<p class=\"reading\">No picture: matplotlib is missing (pip install 'mmenvs[log]').</p>"
    light, dark = (data_url(png(picture, theme)) for theme in (LIGHT, DARK))
    return (
        f'<picture><source media="(prefers-color-scheme: dark)" srcset="{dark}">'
        f'<img src="{light}" alt="{escape(picture.text)}"></picture>'
    )


def _left_out(reasons: Sequence[str]) -> str:
    if not reasons:
        return ""
    items = "\n".join(f"<li>{escape(reason)}</li>" for reason in reasons)
    return f'<section class="card"><h2>Left out</h2>\n<ul class="plain">\n{items}\n</ul></section>'


def _sign(mark: Mark) -> str:
    shape, word = SIGNS[mark]
    return f'<span class="mark" role="img" aria-label="{word}" title="{word}">{shape}</span>'
