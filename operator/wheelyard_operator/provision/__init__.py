"""Everything outside the Kubernetes API: S3, IAM, token issuers and index servers."""
