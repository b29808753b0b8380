"""What tests share: browsers, servers, and blogs that are built once."""
