"""What each resource type is made, changed and removed by."""
