"""Lambda functions run for real: AWS's own runtime client in warm processes, fed through the Runtime API."""
