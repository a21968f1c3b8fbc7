"""`python -m pockettts.config` prints config.yaml."""

from pockettts.config.document import default_yaml

print(default_yaml(), end="")
