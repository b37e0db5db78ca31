"""Export as a Python script that computes the exported arrays again, with Keras alone.

- `runs`: the inputs from which one exported array is computed
- `script_code`: the functions that scripts are composed of
- `script_writer`: composition of a script from runs
"""

from vgg_viz.export.scripts.runs import (
    AblationRun,
    AttributionRun,
    EvidenceRun,
    FiltersRun,
    MapsRun,
    OptimizationScriptRun,
    PatchesRun,
    Run,
    ScriptNetwork,
    WeightsFile,
)
from vgg_viz.export.scripts.script_writer import write_script

__all__ = [
    "AblationRun",
    "AttributionRun",
    "EvidenceRun",
    "FiltersRun",
    "MapsRun",
    "OptimizationScriptRun",
    "PatchesRun",
    "Run",
    "ScriptNetwork",
    "WeightsFile",
    "write_script",
]
