"""What a release consists of: the same commit gives the same bytes."""
