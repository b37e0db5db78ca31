"""Runs -> a Python script that computes the same arrays with Keras alone.

- `runs`: what one array of an export is computed from
- `script_code`: the functions that scripts are composed of
- `script_writer`: runs to a script
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
