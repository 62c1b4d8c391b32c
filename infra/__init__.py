"""The CDK application: two stacks per stage, synthesised to `infra/templates/` and reviewed there as a diff."""
