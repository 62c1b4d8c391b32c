"""The pipeline that learns the topics of product texts."""
