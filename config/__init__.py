"""Configuration that a team edits: `base.toml` and one file per stage; later layers win."""
