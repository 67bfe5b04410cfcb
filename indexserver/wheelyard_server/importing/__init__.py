"""Users of other package indexes, as manifests for Git: each source is read into `Accounts`, which are written once."""
