"""Linear-probe accuracy of frozen features."""

from torch import Tensor


def linear_probe_accuracy(
    train_features: Tensor,
    train_labels: Tensor,
    features: Tensor,
    labels: Tensor,
    c: float = 1.0,
    max_iter: int = 2000,
) -> float:
    """Train a logistic regression on features and return its accuracy.

    Each channel is standardized with mean and deviation of the training
    features, so that the penalty does not depend on the scale of the
    backbone; a constant channel becomes zero. The regression is scikit-learn's
    (multinomial, L2 penalty, L-BFGS), which is deterministic.

    Args:
        train_features: Features to fit, (N, C).
        train_labels: Class of each, (N).
        features: Features to classify, (M, C).
        labels: Class of each, (M).
        c: Inverse strength of the penalty, as in scikit-learn.
        max_iter: Largest number of iterations; scikit-learn warns if they do
            not suffice.

    Returns:
        Accuracy in percent.
    """
    # Only the probe needs scikit-learn; training runs without it.
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    probe = make_pipeline(
        StandardScaler(), LogisticRegression(C=c, max_iter=max_iter)
    )
    probe.fit(train_features.double().cpu(), train_labels.cpu())
    score = probe.score(features.double().cpu(), labels.cpu())
    return 100 * float(score)
