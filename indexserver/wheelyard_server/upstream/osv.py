"""OSV, the database of open source vulnerabilities: the address of its export of PyPI's records.

https://google.github.io/osv.dev/data/#data-dumps: `all.zip`, `modified_id.csv` and `<ID>.json`.
"""

EXPORT_URL = "https://osv-vulnerabilities.storage.googleapis.com/PyPI/"
