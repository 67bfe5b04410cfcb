"""The kubectl plugin, `kubectl wheelyard`: it acts with the user's permissions, never with the operator's."""
