"""The vocabulary and the decisions of rightpack: pure, standard library and boto3 only."""
