"""What lies outside the cluster: buckets, IAM users, their keys."""
