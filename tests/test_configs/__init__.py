from pathlib import Path

CONFIGS = Path(__file__).resolve().parents[2] / 'configs'
LEAVES = sorted(
    path
    for path in CONFIGS.rglob('*.py')
    if '_base_' not in path.relative_to(CONFIGS).parts
)
