from __future__ import annotations

from pathlib import Path

import pytest

from infra import lambda_package
from infra.app import build, read_definitions

pytestmark = pytest.mark.cdk


def test_cdk_nag_finds_nothing_that_has_no_reason(tmp_path: Path) -> None:
    code = tmp_path / "lambdas.zip"
    lambda_package.build(code)
    app = build(code=code, definitions=read_definitions(), output=tmp_path / "out")
    import aws_cdk as cdk
    import cdk_nag

    cdk.Validations.of(app).add_plugins(cdk_nag.AwsSolutionsChecks(app))

    app.synth()  # raises, naming every finding


def test_cdk_nag_does_look(tmp_path: Path) -> None:
    import aws_cdk as cdk
    import aws_cdk.aws_sqs as sqs
    import cdk_nag

    app = cdk.App(outdir=str(tmp_path))
    sqs.Queue(cdk.Stack(app, "Careless"), "Queue")
    cdk.Validations.of(app).add_plugins(cdk_nag.AwsSolutionsChecks(app))

    with pytest.raises(RuntimeError, match="AwsSolutions-SQS4"):
        app.synth()
