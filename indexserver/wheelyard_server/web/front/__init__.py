"""Everything before aiohttp: connections and their limits, and the fast lane."""
