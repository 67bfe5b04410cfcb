"""The fetch log: who fetched which file, when and how often. See docs/adr/0045-fetch-log.md."""
