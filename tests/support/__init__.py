"""What the tests share: servers, peers, readers and tables of cases."""
