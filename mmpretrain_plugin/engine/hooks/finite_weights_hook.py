"""Save no weights that are not finite."""

from mmengine.hooks import Hook
from mmengine.registry import HOOKS
from mmengine.runner import Runner

from ..non_finite import is_finite


@HOOKS.register_module()
class FiniteWeightsHook(Hook):
    """Stop a training instead of saving weights that are not finite."""

    priority = 'LOWEST'  # after EMAHook has added the averages

    def before_save_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        """Check weights and averages.

        Raises:
            FloatingPointError: If one is not finite.
        """
        for key in ('state_dict', 'ema_state_dict'):
            for name, weight in (checkpoint.get(key) or {}).items():
                if weight.is_floating_point() and not is_finite(weight):
                    raise FloatingPointError(
                        f'{name} is not finite after iteration {runner.iter}; '
                        'no checkpoint was saved'
                    )
