"""What stands before aiohttp: connections and their limits, and the fast lane."""
