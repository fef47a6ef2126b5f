from .dense import DenseLayout
from .leaky import LeakyLayout
from .packed import PackedLayout

__all__ = ['DenseLayout', 'LeakyLayout', 'PackedLayout']
