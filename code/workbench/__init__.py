"""What tests and benchmarks share: a browser to open a site in, and a small blog to build."""
