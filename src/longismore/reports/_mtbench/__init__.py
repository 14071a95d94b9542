"""What the report of MT-Bench is made of; see `longismore.reports.mtbench`."""
