"""What is noted of a request when the application is called for it. For compiled modules."""
