"""What the client and the server of headwater both know: paths, headers, limits, and the bodies of resources."""
