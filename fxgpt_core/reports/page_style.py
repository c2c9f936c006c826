"""How the HTML page looks: on a screen, on a phone and on paper."""

from fxgpt_core.reports.palette import BLUE, GRID, INK, ORANGE, SLATE, mixed

STYLE = f"""
:root {{ color-scheme: light; }}
* {{ box-sizing: border-box; }}
body {{ margin: 0; background: #fff; color: {INK}; font: 15px/1.5 -apple-system, "Segoe UI", Roboto, Arial, sans-serif; }}
main {{ max-width: 1280px; margin: 0 auto; padding: 24px 24px 64px; }}
h1 {{ font-size: 1.75rem; line-height: 1.2; margin: 0 0 4px; }}
h2 {{ font-size: 1.25rem; margin: 0 0 4px; }}
h3 {{ font-size: 1rem; margin: 0 0 4px; }}
section {{ margin-top: 40px; }}
p {{ margin: 0 0 12px; max-width: 80ch; color: {SLATE}; }}
p.absent {{ padding: 8px 12px; border-left: 4px solid {ORANGE}; background: {mixed(ORANGE, 0.12)}; color: {INK}; }}
.tiles {{ display: grid; grid-template-columns: repeat(auto-fit, minmax(150px, 1fr)); gap: 12px; margin: 0 0 20px; }}
.tiles div {{ border: 1px solid {GRID}; border-radius: 8px; padding: 10px 14px; }}
.tiles dt {{ font-size: 0.8rem; color: {SLATE}; }}
.tiles dd {{ margin: 0; font-size: 1.4rem; font-weight: 600; font-variant-numeric: tabular-nums; }}
.slim {{ display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 270px), 1fr)); gap: 24px 32px; }}
.broad {{ columns: 2 540px; column-gap: 32px; }}
.broad > div {{ break-inside: avoid; margin-bottom: 24px; }}
.single table {{ width: auto; min-width: min(100%, 640px); }}
.wide {{ overflow-x: auto; }}
table {{ border-collapse: collapse; width: 100%; font-size: 0.87rem; }}
th, td {{ padding: 4px 10px; text-align: right; vertical-align: top; border-bottom: 1px solid {GRID};
  font-variant-numeric: tabular-nums; white-space: nowrap; }}
th {{ font-weight: 600; color: {SLATE}; border-bottom-width: 2px; }}
th.word, td.word {{ text-align: left; }}
.slim td.word {{ white-space: normal; }}
td.long {{ white-space: normal; min-width: 14em; overflow-wrap: anywhere; }}
tr.good td {{ background: {mixed(BLUE, 0.08)}; }}
tr.bad td {{ background: {mixed(ORANGE, 0.2)}; }}
.chart {{ margin-bottom: 16px; }}
.choices {{ display: flex; flex-wrap: wrap; gap: 8px 20px; margin-bottom: 8px; font-size: 0.87rem; }}
.choices select {{ font: inherit; padding: 2px 4px; max-width: 100%; }}
@media (max-width: 600px) {{
  main {{ padding: 16px 12px 48px; }}
  th, td {{ padding: 4px 6px; }}
  .tiles {{ grid-template-columns: 1fr 1fr; }}
}}
@media print {{
  html {{ font-size: 11px; }}
  body {{ font-size: 1rem; }}
  main {{ padding: 0; }}
  section, tr {{ break-inside: avoid; }}
  .choices {{ display: none; }}
  td, tr {{ -webkit-print-color-adjust: exact; print-color-adjust: exact; }}
}}
"""
