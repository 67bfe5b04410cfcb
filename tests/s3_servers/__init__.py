"""The index server on the S3 servers that people have, one after the other: `make s3-servers`."""
