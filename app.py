"""Synthesises Cairn without an AWS call or account, with or without the CDK command line."""

import json
import os
from pathlib import Path

from aws_cdk import App

from infra.settings import Settings
from infra.stack import Cairn

ROOT = Path(__file__).parent

# The CDK command line passes its context in CDK_CONTEXT_JSON, which overrides the context given here. Without it,
# `CDK_CONTEXT_JSON='{"dependencies": "host"}' python app.py` does the same as `-c dependencies=host`.
app = App(
    context=json.loads((ROOT / "cdk.json").read_text())["context"],
    outdir=os.environ.get("CDK_OUTDIR", str(ROOT / "cdk.out")),
    analytics_reporting=False,
)
settings = Settings.from_context(app.node.try_get_context)
Cairn(app, settings.stack_name, settings=settings)
app.synth()
