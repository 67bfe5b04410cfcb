"""Users of other package indexes, as manifests for Git: each source becomes `Accounts`, and these become files."""
