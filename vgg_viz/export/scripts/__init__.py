"""Export as a Python script that computes the exported arrays again, with Keras alone.

- `script_writer`: a run's parameters, and the script that has them
- ``templates/``: one script for each kind of array, which runs as it is; ``vgg19.py`` is what the
  scripts share
"""

from vgg_viz.export.formats import Run
from vgg_viz.export.scripts.script_writer import script_weights, write_script

__all__ = ["Run", "script_weights", "write_script"]
