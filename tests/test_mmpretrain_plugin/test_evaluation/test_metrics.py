"""The metrics of pre-training, from the data samples of a model."""

import pytest
import torch
from mmpretrain.registry import METRICS


def build(kind, **options):
    return METRICS.build(dict(type=kind, **options))


def samples(features, labels):
    return [
        dict(feature=torch.as_tensor(f).float(), gt_label=torch.tensor([y]))
        for f, y in zip(features, labels)
    ]


def evaluate(metric, *batches):
    for batch in batches:
        metric.process(None, batch)
    return metric.evaluate(sum(map(len, batches)))


def test_the_loss_is_the_mean_over_images_not_batches():
    losses = torch.rand(7).tolist()
    each = [dict(reconstruction_loss=torch.tensor(x)) for x in losses]
    got = evaluate(build('ReconstructionLoss'), each[:4], each[4:])
    assert got == {'val/loss': pytest.approx(sum(losses) / 7)}


def test_a_part_of_the_images_is_classified_by_the_rest():
    """Two classes in opposite directions, of which 4 images are asked for."""
    angles = torch.linspace(0, 1, 10)
    features = torch.stack([angles.cos(), angles.sin()], dim=1)
    features[5:] *= -1
    labels = [0] * 5 + [1] * 5
    metric = build('KNNAccuracy', k=3, topk=(1, 2), held_out=0.4)
    each = samples(features, labels)
    assert evaluate(metric, each) == {'knn/top1': 100, 'knn/top2': 100}
    wrong = samples(features, [0, 1, 0, 1, 0, 1, 0, 1, 0, 1])
    top1 = evaluate(metric, wrong[:6], wrong[6:])['knn/top1']
    assert top1 in [pytest.approx(100 * i / 4) for i in range(5)]
    assert evaluate(metric, wrong)['knn/top1'] == top1  # the same parts


def test_an_image_is_not_its_own_neighbor():
    """Nothing is farther than the only other image of its class."""
    directions = torch.eye(10)
    features = torch.cat([directions, -directions])
    metric = build('KNNAccuracy', k=5, topk=(1, 5), held_out=0.5)
    got = evaluate(metric, samples(features, [*range(10)] * 2))
    assert got == {'knn/top1': 0, 'knn/top5': 0}


def test_each_seed_chooses_other_images():
    """One image lies among those of the other class; it may not be asked."""
    features = torch.tensor([[1.0, 0.0]] * 10 + [[0.0, 1.0]] * 11)
    results = {
        evaluate(
            build('KNNAccuracy', k=3, topk=(1,), held_out=0.1, seed=seed),
            samples(features, [0] * 10 + [1] * 10 + [0]),
        )['knn/top1']
        for seed in range(30)
    }
    assert results == {50, 100}


def test_few_images_have_few_neighbors():
    metric = build('KNNAccuracy', k=20)
    features = [[1.0, 0.0], [1.0, 0.1], [0.0, 1.0]]
    assert evaluate(metric, samples(features, [0, 0, 1]))['knn/top1'] == 100
    with pytest.raises(ValueError, match='two or more images; there are 3'):
        evaluate(metric, samples(features, [0, 1, 2]))


def test_one_class_is_an_error():
    """Every image would be classified correctly."""
    each = samples([[1.0, 0.0], [1.0, 0.1]], [0, 0])
    with pytest.raises(ValueError, match='got 2 images of 1: use a folder'):
        evaluate(build('KNNAccuracy'), each)


def test_images_without_labels_are_an_error():
    with pytest.raises(ValueError, match='one subfolder per class'):
        build('KNNAccuracy').process(None, [dict(feature=torch.ones(2))])


@pytest.mark.parametrize('ratio', [0, 1, -0.1])
def test_the_held_out_fraction_is_checked(ratio):
    with pytest.raises(ValueError, match=rf'in \(0, 1\), got {ratio}'):
        build('KNNAccuracy', held_out=ratio)
