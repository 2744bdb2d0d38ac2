"""What the user set and what the app remembers: config.toml in the user's config folder, and VAE_TUI_* variables."""
