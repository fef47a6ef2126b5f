"""Insert the results of the study into docs/evidence.md, between its markers.

    python tools/dev/make_evidence.py

Reads docs/results/study/seed-*.json, which tools/run_study.py wrote, and draws
the plots of the page. Seeds of which steps are missing do not count.
"""

import json
import re
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
sys.path.append(str(ROOT / 'tools'))  # scripts import their siblings only

from study.plots import draw_cosine_distances, draw_transfers  # noqa: E402
from study.steps import seed_steps  # noqa: E402
from study.tables import (  # noqa: E402
    claim_table,
    feature_table,
    transfer_table,
)

Results = Sequence[dict[str, Any]]
PAGE = ROOT / 'docs/evidence.md'
RESULTS = ROOT / 'docs/results/study'
PLOTS = {
    'evidence_transfer.png': draw_transfers,
    'evidence_cosine_distance.png': draw_cosine_distances,
}


def cost(results: Results) -> str:
    """State seeds, hours, machines and versions."""
    seeds = ', '.join(str(result['seed']) for result in results)
    hours = sum(sum(r['seconds'].values()) for r in results) / 3600
    known: list[str] = []
    for condition in (c for result in results for c in result['conditions']):
        versions = condition['versions'].items()
        packages = ', '.join(f'{name} {number}' for name, number in versions)
        text = f'{condition["date"]}, {condition["machine"]}, {packages}'
        if text not in known:
            known.append(text)
    return (
        f'Seeds: {seeds}. The steps took {hours:.1f} hours, two at a time, '
        f'one thread each. {"; ".join(known)}.'
    )


def with_plot(
    name: str, title: str, make_table: Callable[[Results], str]
) -> Callable[[Results], str]:
    """Return a function that puts a plot above a table."""
    return lambda results: (
        f'![{title}](_static/{name})\n\n' + make_table(results)
    )


SECTIONS: dict[str, Callable[[Results], str]] = {
    'claims': claim_table,
    'transfer': with_plot(
        'evidence_transfer.png',
        'Box AP and mIoU of each run, one dot per seed',
        transfer_table,
    ),
    'features': with_plot(
        'evidence_cosine_distance.png',
        'Feature cosine distance against the normalized layer index',
        feature_table,
    ),
    'cost': cost,
}
MISSING = (
    'No results yet: `python tools/run_study.py` has not been run to its end.'
)


def load_results(folder: Path = RESULTS) -> list[dict[str, Any]]:
    """Return the results of all complete seeds in their order."""
    found = [
        json.loads(path.read_text()) for path in folder.glob('seed-*.json')
    ]
    complete = [
        result
        for result in found
        if all(
            step.name.split('/')[1] in result['seconds']
            for step in seed_steps(folder, result['seed'], quick=False)
        )
    ]
    return sorted(complete, key=lambda result: result['seed'])


def fill(page: str, results: Results) -> str:
    """Replace the text between the markers of each section."""

    def section(match: re.Match[str]) -> str:
        text = SECTIONS[match[1]](results) if results else MISSING
        return f'<!-- {match[1]} -->\n{text}\n<!-- end -->'

    return re.sub(
        r'<!-- (\w+) -->\n.*?<!-- end -->', section, page, flags=re.DOTALL
    )


def main() -> None:
    """Write the page and its plots."""
    results = load_results()
    PAGE.write_text(fill(PAGE.read_text(), results))
    if not results:
        print(f'{RESULTS} has no complete seed; run tools/run_study.py first')
        return
    for name, plot in PLOTS.items():
        plot(results, ROOT / 'docs/_static' / name)


if __name__ == '__main__':
    main()
