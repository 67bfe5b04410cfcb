"""What makes of the reconcilers a program that runs for years, beside others of its kind."""
