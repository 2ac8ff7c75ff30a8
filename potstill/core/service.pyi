"""What all connections of an engine share. All of it is for other compiled modules (service.pxd)."""
