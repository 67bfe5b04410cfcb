"""Mirrors of other indexes' projects: who owns a name, what is fresh, and what a page may change."""
