"""Install the configs where mim looks for them; setup.cfg has all else.

mim takes the folder of the first file that pip lists for a distribution. Files
are listed alphabetically, so that folder is the one with the metadata,
``convnextv2_openmmlab-VERSION.dist-info``, unless a folder named like the
distribution precedes it. It contains data only.
"""

from setuptools import find_packages, setup

DISTRIBUTION = 'convnextv2-openmmlab'

setup(
    packages=[
        *find_packages(
            include=['mmpretrain_plugin*', 'mmdet_plugin*', 'mmseg_plugin*']
        ),
        DISTRIBUTION,
    ],
    package_dir={DISTRIBUTION: 'mmpretrain_plugin/.mim'},
    package_data={
        '': ['py.typed'],
        'mmpretrain_plugin': ['.mim/model-index.yml', '.mim/configs/**'],
        DISTRIBUTION: ['model-index.yml', 'configs/**'],
    },
)
