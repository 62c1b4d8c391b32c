"""CloudFormation, small and strict: what a template says is created through the APIs that clients use, or refused."""
