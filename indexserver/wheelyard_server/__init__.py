"""The Wheelyard index server: request -> access -> catalog -> storage."""
