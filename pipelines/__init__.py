"""What runs in which order: authored with the SageMaker SDK, rendered to committed JSON, checked without the SDK.

Importing this package, `pipelines.placeholders` or `pipelines.checker` never imports the SDK.
"""
