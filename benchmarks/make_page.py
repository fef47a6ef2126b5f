"""Insert the results into docs/performance.md, between its markers.

python benchmarks/make_page.py
"""

import json
import re
from pathlib import Path

import summary
from measure import cell

RESULTS = Path(__file__).resolve().parent / 'results'
PAGE = RESULTS.parents[1] / 'docs/performance.md'


def table(rows: list[dict[str, object]]) -> str:
    """Format rows as a table in Markdown, without empty columns."""
    columns = [c for c in rows[0] if any(row[c] is not None for row in rows)]
    lines = [columns, ['---'] * len(columns)]
    lines += [[cell(row[column]) for column in columns] for row in rows]
    return '\n'.join(f'| {" | ".join(line)} |' for line in lines)


def overview() -> str:
    """Format the table that summarizes the results on a CPU."""
    rows = []
    for name, compare in summary.PARTS.items():
        content = json.loads((RESULTS / f'{name}_cpu.json').read_text())
        rows += compare(content['rows'])
    return f'{table(rows)}\n'


def section(name: str) -> str:
    """Format the table of one benchmark with its machine and settings.

    Args:
        name: Name and device, such as 'soft_nms_cpu'; or 'summary'.
    """
    if name == 'summary':
        return overview()
    path = RESULTS / f'{name}.json'
    if not path.exists():
        script, _, device = name.rpartition('_')
        return (
            'Not measured: no such machine was available. Command: '
            f'`python benchmarks/{script}.py --device {device}`\n'
        )
    content = json.loads(path.read_text())
    machine, settings = content['machine'], content['settings']
    options = ', '.join(
        f'{key} {value}' for key, value in settings.items() if key != 'device'
    )
    return (
        f'{table(content["rows"])}\n\n'
        f'{machine["device"]}, {machine["threads"]} threads, torch '
        f'{machine["torch"]}, mmpretrain {machine["mmpretrain"]} (OneDL), '
        f'timm {machine["timm"]}; {options}; {machine["date"]}.\n'
    )


def fill(page: str) -> str:
    """Replace the text between the markers of each benchmark."""
    return re.sub(
        r'<!-- (\w+) -->\n.*?<!-- end -->',
        lambda m: f'<!-- {m[1]} -->\n{section(m[1])}<!-- end -->',
        page,
        flags=re.DOTALL,
    )


if __name__ == '__main__':
    PAGE.write_text(fill(PAGE.read_text()))
