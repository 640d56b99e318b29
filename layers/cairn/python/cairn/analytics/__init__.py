"""What a dashboard shows, pure: ranges and their buckets, sums of money, and KPIs with their formulas."""
