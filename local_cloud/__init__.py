"""The embedded AWS: deploys the committed template and really runs what it describes, on this machine alone."""
