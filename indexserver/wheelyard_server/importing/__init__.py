"""Import of users from other package indexes: each source is read as `Accounts`, which become manifests."""
