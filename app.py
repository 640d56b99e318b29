"""Synthesises Cairn without an AWS call or account, with or without the CDK command line."""

import json
import os
import sys
from pathlib import Path

from aws_cdk import App

from cairn.workspace.document import InvalidSettingsError, initial
from infra.settings import Settings, SettingsError
from infra.stack import Cairn

ROOT = Path(__file__).parent

# The CDK command line passes its context in CDK_CONTEXT_JSON, which overrides the context given here. Without it,
# `CDK_CONTEXT_JSON='{"dependencies": "host"}' python app.py` does the same as `-c dependencies=host`.
app = App(
    context=json.loads((ROOT / "cdk.json").read_text())["context"],
    outdir=os.environ.get("CDK_OUTDIR", str(ROOT / "cdk.out")),
    analytics_reporting=False,
)
try:
    # The CDK command line tells the region of the credentials, to which a stack goes that names none.
    settings = Settings.from_context(app.node.try_get_context, deployed_to=os.environ.get("CDK_DEFAULT_REGION", ""))
    try:
        initial(settings.initial_settings)
    except InvalidSettingsError as error:
        raise SettingsError(f"cdk.json, context:\n  {error}") from None
    Cairn(app, settings.stack_name, settings=settings)
except SettingsError as error:
    sys.exit(f"Error: {error}")
app.synth()
