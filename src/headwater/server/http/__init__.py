"""The HTTP side that every endpoint shares: authentication, quotas, limits, bodies, middleware."""
