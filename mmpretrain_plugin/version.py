"""Version of the three packages, which setup.cfg reads."""

__version__ = '0.2.0'
