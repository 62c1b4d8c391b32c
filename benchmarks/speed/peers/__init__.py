"""The toy pipeline as each orchestrator wants it written; every file is run by the interpreter of that tool's venv."""
