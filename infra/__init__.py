"""The CDK application: four stacks per stage, synthesised to `infra/templates/` and reviewed there as a diff."""
