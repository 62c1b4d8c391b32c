"""Lambda functions: thin entry points, one folder each."""
