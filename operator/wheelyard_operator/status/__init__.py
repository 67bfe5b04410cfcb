"""The status of resources: pure functions of the observed state, without memory."""
