"""What runs beside the requests: election, supervision, schedules and maintenance."""
