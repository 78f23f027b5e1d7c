"""Where Dagster finds everything: `pipelines.definitions:defs`."""

from pipelines.build import build_defs

defs = build_defs()
