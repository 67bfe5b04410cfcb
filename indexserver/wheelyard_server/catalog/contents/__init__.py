"""The bytes of files: the nearest copy, the cache on disk and in memory, and redirects to the storage."""
