"""What runs beside the requests: election, supervision, schedule and maintenance."""
