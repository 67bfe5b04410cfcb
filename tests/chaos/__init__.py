"""`make chaos`: an index is used all the time while all around it is killed. docs/reliability.md has figures."""
