"""What people do with layers before and after the service: on any Lambda endpoint, AWS's included, or on none."""
