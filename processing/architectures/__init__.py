"""Model architectures, one module each; a team's own is `package.module:Class` in the settings."""
