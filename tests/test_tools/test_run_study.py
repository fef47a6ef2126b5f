"""The study trains what it says, and judges as its page says."""

import argparse
import itertools
import json
import subprocess
import sys
from inspect import signature
from pathlib import Path

import make_evidence
import numpy as np
import pytest
from mmengine.config import Config, DictAction
from run_study import settings
from study.claims import CLAIMS, Comparison, verdict
from study.plots import draw_cosine_distances, draw_transfers
from study.results import add_step, read_results
from study.runs import (
    ANALYZED,
    FCMAE,
    PRETRAININGS,
    RECIPE_INIT,
    TASKS,
    TRANSFERS,
)
from study.steps import CONFIGS, make_steps, seed_steps, still_needed
from study.tables import claim_table, feature_table, spread, transfer_table
from sweep import parse_grid

from mmpretrain_plugin import models
from mmpretrain_plugin.models.masking import num_visible
from mmpretrain_plugin.result_folder import claim_folder
from mmpretrain_plugin.step_runner import StepRunner

BLOCKS = 12  # of Atto


def result(seed, **transfer):
    """Return results of a seed in which all runs have the same numbers."""
    numbers = dict(box_ap=30.0, mask_ap=20.0, miou=10.0)
    features = dict(
        cosine_distance=[0.5] * BLOCKS,
        silent=0.1,
        saturated=0.0,
        knn=50.0,
        linear_probe=60.0,
    )
    return dict(
        seed=seed,
        transfer={
            name: {**numbers, **transfer.get(name.replace('-', '_'), {})}
            for name in TRANSFERS
        },
        features={name: dict(features) for name in ANALYZED},
        seconds=dict(a=3600, b=1800),
        conditions=[
            dict(machine='two cores', versions=dict(a='2'), date='2026-01-01')
        ],
    )


def test_all_options_are_keys_of_the_configs():
    """A misspelled key would train something else, without an error."""
    for run in PRETRAININGS.values():
        check_options(f'{run.config}.py', run.options)
    for run in TRANSFERS.values():
        if run.options == RECIPE_INIT:
            continue  # tested below
        for _, config in TASKS.values():
            check_options(f'{config.format("")}.py', run.options)


def parse_options(options):
    """Parse overrides as the command line of the libraries does."""
    parser = argparse.ArgumentParser()
    parser.add_argument('--cfg-options', nargs='+', action=DictAction)
    return parser.parse_args(['--cfg-options', *options]).cfg_options


def check_options(name, options):
    """Check that the keys are in a config, or arguments of its backbone."""
    cfg = Config.fromfile(CONFIGS / name)
    known = set(signature(models.ConvNeXtV2).parameters)
    for option in options:
        key = option.split('=')[0]
        *path, last = key.split('.')
        if path == ['model', 'backbone']:
            assert last in known
        elif path == ['model']:
            assert last in signature(models.FCMAE).parameters
        else:
            parse_grid([option], cfg)


@pytest.mark.parametrize('seed', [0, 3])
def test_every_run_starts_from_its_own_weights(seed, tmp_path):
    """With its own options, and V1 is tested as V1."""
    steps = {s.name: s for s in make_steps(tmp_path, [seed], quick=False)}
    for name in steps:
        folder = tmp_path / name
        folder.mkdir(parents=True, exist_ok=True)
        (folder / 'last_checkpoint').write_text(f'{folder}/last.pth')

    def check(step, run, start, config):
        command = steps[f'seed-{seed}/{step}'].command()
        assert set(run.options) < set(command)
        assert f'randomness.seed={seed}' in command
        assert Path(command[3]).stem == config
        options = command[command.index('--cfg-options') + 1 :]
        cfg = Config.fromfile(command[3])
        cfg.merge_from_dict(parse_options(options))
        weights = f'{tmp_path}/seed-{seed}/{start}/last.pth'
        loaded = dict(type='Pretrained', checkpoint=weights)
        if start is not None:
            assert cfg.model.backbone.init_cfg == loaded
        elif run.options != RECIPE_INIT:
            assert cfg.model.backbone.init_cfg is None
        after = 'data' if start is None else f'seed-{seed}/{start}'
        assert steps[f'seed-{seed}/{step}'].after == (after,)

    for name, run in PRETRAININGS.items():
        check(name, run, run.start, run.config)
    for name, run in TRANSFERS.items():
        for task in run.tasks:
            suffix = '' if run.start is None else '-fcmae'
            config = TASKS[task][1].format(suffix)
            check(f'{task}_{name}', run, run.start, config)
            test = steps[f'seed-{seed}/{task}_{name}_test'].command()
            assert set(run.options) <= set(test)
            weights = f'{tmp_path}/seed-{seed}/{task}_{name}/last.pth'
            assert test[test.index('--checkpoint') + 1] == weights
        v1 = 'model.backbone.use_grn=False'
        if run.start is not None:
            trained = PRETRAININGS[run.start].options
            assert (v1 in run.options) == (v1 in trained)
            assert (v1 in run.options) == name.endswith('v1')


def test_random_weights_of_the_recipes_are_those_of_the_backbone():
    """The options of the study say what ``ConvNeXtV2`` does by default."""
    cfg = Config.fromfile(CONFIGS / 'upernet_convnextv2-atto_digits.py')
    cfg.merge_from_dict(parse_options(RECIPE_INIT))
    assert cfg.model.backbone.init_cfg == models.ConvNeXtV2().init_cfg


def test_mask_ratios_leave_the_patches_that_titles_say():
    cfg = Config.fromfile(CONFIGS / f'{FCMAE}.py')
    side = cfg.test_dataloader.dataset.pipeline[1].scale
    patches = (side // cfg.model.patch_size) ** 2
    for name, ratio in (('mask-30', 0.3), ('mask-88', 0.88)):
        assert f'model.mask_ratio={ratio}' in PRETRAININGS[name].options
        visible = num_visible(patches, ratio)
        title = f'{visible} of {patches} patches visible'
        assert title in PRETRAININGS[name].title
    page = make_evidence.PAGE.read_text()
    visible = num_visible(patches, cfg.model.mask_ratio)
    assert f'ratio of 0.6, {visible} of {patches} patches' in page
    with pytest.raises(ValueError):
        num_visible(patches, 0.9)


def test_every_seed_has_the_same_steps(tmp_path):
    one, two = (
        [
            step.name.replace(f'seed-{seed}', 'seed-N')
            for step in make_steps(tmp_path, [seed], quick=False)
        ]
        for seed in (0, 7)
    )
    assert one == two
    assert len(set(one)) == len(one)
    both = make_steps(tmp_path, [0, 7], quick=False)
    assert len(both) == 2 * len(one) - 1  # the data set is shared
    StepRunner(both, tmp_path)  # each step comes after its dependencies


def test_another_machine_runs_only_what_is_needed(tmp_path):
    """After its results were copied, without its checkpoints."""
    steps = make_steps(tmp_path, [3], quick=False)
    names = [step.name for step in steps]

    def needed(unfinished):
        finished = set(names) - {'data', *unfinished}
        return {s.name for s in still_needed(steps, finished, tmp_path)}

    assert needed(()) == {'data'}
    lost = {f'seed-3/{n}' for n in ('upernet_fine-tuned', 'fine-tuned')}
    lost |= {'seed-3/fcmae-v2', 'seed-3/upernet_fine-tuned_test', 'data'}
    assert needed(['seed-3/upernet_fine-tuned_test']) == lost
    # With the checkpoint of the training before, it and all before it.
    last = tmp_path / 'seed-3/upernet_fine-tuned/last_checkpoint'
    last.parent.mkdir(parents=True)
    last.touch()
    test = 'seed-3/upernet_fine-tuned_test'
    assert needed([test]) == {test, 'data'}
    # In the order of the steps, a cut has at most four pre-trainings that
    # others still need, besides the two that run.
    for end in range(1, len(names)):
        again = needed(names[end:]) - set(names[end:]) - {'data'}
        assert len(again) <= len(ANALYZED)


@pytest.mark.parametrize(
    ('higher', 'lower', 'expected'),
    [
        ([5, 6, 7], [2, 3, 4], 'seen'),
        ([2, 3, 4], [5, 6, 7], 'not seen'),
        ([5, 6, 9], [1, 2, 5], 'cannot be told at this scale'),  # a tie
        ([5, 6, 9], [1, 2, 6], 'cannot be told at this scale'),
        ([5], [1], 'cannot be told at this scale'),  # no spread
    ],
)
def test_a_verdict_needs_seeds_that_do_not_overlap(higher, lower, expected):
    assert verdict(np.array([higher, lower], float)) == expected


def test_chance_decides_one_comparison_in_ten():
    """As the page says: of 20 splits of 6 values in 3 and 3, 2 do."""
    verdicts = []
    for first in itertools.combinations(range(6), 3):
        second = [i for i in range(6) if i not in first]
        verdicts.append(verdict(np.array([first, second])))
    assert len(verdicts) == 20
    assert verdicts.count('seen') == verdicts.count('not seen') == 1


@pytest.mark.parametrize('metric', ['box_ap', 'miou', 'cosine_distance'])
def test_a_comparison_has_the_values_of_both_runs(metric):
    results = [
        result(s, fcmae_v2=dict(box_ap=40.0 + s, miou=12.0 + s))
        for s in (0, 1)
    ]
    for seed in (0, 1):
        curve = [0.1 * seed, 0.3 + 0.1 * seed] * (BLOCKS // 2)
        results[seed]['features']['fcmae-v2']['cosine_distance'] = curve
    values = Comparison('fcmae-v2', 'fcmae-v1', metric).values(results)
    expected = dict(
        box_ap=[[40, 41], [30, 30]],
        miou=[[12, 13], [10, 10]],
        cosine_distance=[[0.15, 0.25], [0.5, 0.5]],
    )
    assert np.allclose(values, expected[metric])


def test_all_claims_compare_runs_that_are_tested():
    for claim in CLAIMS:
        for comparison in claim.comparisons:
            assert comparison.values([result(0)]).shape == (2, 1)
            tasks = dict(box_ap='mask-rcnn', miou='upernet')
            if comparison.metric in tasks:
                for name in (comparison.higher, comparison.lower):
                    task = tasks[comparison.metric]
                    assert task in TRANSFERS[name].tasks


def test_spread_is_the_sample_standard_deviation():
    assert spread([1, 2, 3]) == '2.0 ± 1.0'
    assert spread([0.25]) == '0.2'
    assert spread([0.1, 0.3], 2) == '0.20 ± 0.14'


def test_the_tables_have_a_row_per_arm_and_comparison():
    results = [result(0), result(1)]
    count = sum(len(claim.comparisons) for claim in CLAIMS)
    for make_table, rows in (
        (transfer_table, len(TRANSFERS)),
        (feature_table, len(ANALYZED)),
        (claim_table, count),
    ):
        lines = make_table(results).splitlines()
        assert len(lines) == rows + 2
        assert len({line.count('|') for line in lines}) == 1


def test_results_are_those_of_the_logs(tmp_path, monkeypatch):
    """Numbers of each run reach the arm that they belong to."""
    seed = tmp_path / 'seed-4'

    def write(path, content):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)

    for i, (name, run) in enumerate(TRANSFERS.items()):
        metrics = {'coco/bbox_mAP': 0.1 + i / 100, 'coco/segm_mAP': i / 100}
        found = {'mask-rcnn': metrics, 'upernet': dict(mIoU=50 + i)}
        for task in run.tasks:
            path = seed / f'{task}_{name}_test/1/1.json'
            write(path, json.dumps(found[task]))
    for i, name in enumerate(PRETRAININGS):
        lines = [dict(loss=1.0, step=s) for s in range(95)]
        lines += [dict(loss=0.1 * i, step=s) for s in range(95, 100)]
        text = '\n'.join(map(json.dumps, lines))
        write(seed / name / '1/vis_data/scalars.json', text)
    taps = dict(silent=0.5, saturated=0.25)
    blocks = [
        dict(normalized=None, activation=dict(cosine_distance=0.1, **taps)),
        dict(
            normalized=dict(cosine_distance=0.2, **taps),
            activation=dict(cosine_distance=0.9, silent=0, saturated=0),
        ),
    ]
    models = [
        dict(blocks=blocks, knn=dict(top1=10.0 + i), linear_probe=20.0 + i)
        for i in range(len(ANALYZED))
    ]
    write(seed / 'features/features.json', json.dumps(dict(models=models)))
    days = []
    monkeypatch.setattr(
        'study.results.conditions', lambda: dict(date=days[-1])
    )
    steps = [step.name for step in seed_steps(tmp_path, 4, quick=False)]
    for i, step in enumerate(steps):
        days.append(1 if i < 5 else 2)
        add_step(tmp_path, step, 7.41, dict(quick=False))
        assert not make_evidence.load_results(tmp_path) or step == steps[-1]
    (found,) = make_evidence.load_results(tmp_path)
    assert found == read_results(tmp_path, 4, dict(quick=False))
    with pytest.raises(ValueError, match='seed-4.json was measured with'):
        read_results(tmp_path, 4, dict(quick=True))
    assert found['transfer']['random'] == dict(
        box_ap=10, mask_ap=0, miou=50
    )  # fmt: skip
    place = list(TRANSFERS).index('layer-decay')
    assert found['transfer']['layer-decay'] == dict(
        box_ap=10 + place, mask_ap=place, miou=50 + place
    )  # fmt: skip
    place = list(TRANSFERS).index('mask-88')
    assert found['transfer']['mask-88'] == dict(miou=50 + place)
    assert list(found['loss'].values()) == pytest.approx(
        [0.1 * i for i in range(len(PRETRAININGS))], abs=1e-3
    )
    assert found['features'][ANALYZED[1]] == dict(
        cosine_distance=[0.1, 0.2], silent=0.5, saturated=0.25, knn=11.0,
        linear_probe=21.0,
    )  # fmt: skip
    assert found['seconds'] == {s.split('/')[1]: 7.4 for s in steps}
    assert found['conditions'] == [dict(date=1), dict(date=2)]


def test_the_page_has_the_committed_results():
    """docs/evidence.md is what make_evidence.py writes."""
    page = make_evidence.PAGE.read_text()
    results = make_evidence.load_results()
    assert make_evidence.fill(page, results) == page
    filled = make_evidence.fill(page, [result(0), result(1)])
    assert make_evidence.MISSING not in filled
    for plot in make_evidence.PLOTS:
        assert f'](_static/{plot})' in filled
        assert (plot in page) == bool(results)
        path = make_evidence.ROOT / 'docs/_static' / plot
        assert path.exists() == bool(results)


def test_plots_are_drawn(tmp_path):
    results = [result(0), result(1)]
    for name, plot in (('a', draw_transfers), ('b', draw_cosine_distances)):
        plot(results, tmp_path / f'{name}.png')
        assert (tmp_path / f'{name}.png').stat().st_size > 10000


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_steps_run_and_are_not_run_twice(tmp_path):
    """Those that differ from the demo: V1, supervised, layer decay."""
    names = {'data', 'seed-0/features', *(f'seed-0/{n}' for n in ANALYZED)}
    for name in ('mask-rcnn_layer-decay', 'upernet_supervised-v1'):
        names |= {f'seed-0/{name}', f'seed-0/{name}_test'}
    steps = make_steps(tmp_path, [0], quick=True)
    steps = [step for step in steps if step.name in names]
    done = []

    def run():
        StepRunner(
            steps, tmp_path / 'logs', 1, tmp_path,
            on_done=lambda step, seconds: done.append(step.name),
            finished=list(done),
        ).run()  # fmt: skip

    run()
    assert sorted(done) == sorted(names)
    content = json.loads(
        (tmp_path / 'seed-0/features/features.json').read_text()
    )
    assert len(content['models']) == len(ANALYZED)
    for model, name in zip(content['models'], ANALYZED):
        has_grn = [
            block['normalized'] is not None for block in model['blocks']
        ]
        assert all(has_grn) == any(has_grn) == name.endswith('v2')
    log = (tmp_path / 'logs/seed-0/mask-rcnn_layer-decay.log').read_text()
    assert 'seed-0/fcmae-v2/epoch_1.pth (mmpretrain format)' in log
    run()
    assert len(done) == len(names)


def test_another_process_in_the_folder_is_an_error(tmp_path):
    lock = claim_folder(tmp_path, settings(quick=True))  # noqa: F841
    tool = Path(make_evidence.ROOT) / 'tools/run_study.py'
    found = subprocess.run(
        [sys.executable, tool, '--root', tmp_path, '--quick'],
        capture_output=True, text=True,
    )  # fmt: skip
    assert found.returncode == 1
    assert 'another process is running' in found.stderr.splitlines()[-1]
