"""The pages for people: search, projects, what is known of them, and what a visitor may do.

Handlers take facts from a `GuardedCatalog`, so no page shows what an installer would not get. They
ask no upstream. Functions turn facts into values, and templates only print them.
"""
